// hwsim_array_ws: weight-stationary array of R x C processing elements.
//
// Weights enter at the top while `load` is high, one array row a cycle, the row of the largest k first. Then row r takes element m of
// the stream in cycle m + r, and column c its initial or earlier partial sum in cycle m + c. Column c gives the sum of element m in
// cycle m + R + c, flagged by sum_valid. Sums over more k than R come back at the top in a later fold. A fold of M elements takes
// M + 2R + C - 1 cycles: R to load, M + R + C - 2 until the last addition (`done` is high in the last of them), 1 until the edge that
// takes the last result.
//
// Parameters   R, C   rows and columns; the others as in hwsim_pe_ws
// Ports        lane i of a packed port is bits i*W to i*W+W-1
//              load, b                       weights of the columns
//              a, a_valid, a_last            operands of the rows
//              sum_top, top_valid, events_top, first_k_top   sums that enter at the top
//              k_base                        k of row 0 in this fold
//              done                          PE (R-1, C-1) has its last operand
//              sum, sum_valid, events, first_k   sums that leave at the bottom
// Reset        synchronous, active high
module hwsim_array_ws #(
    parameter R        = 4,
    parameter C        = 4,
    parameter WLA      = 8,
    parameter WLB      = 8,
    parameter A_SIGNED = 1,
    parameter B_SIGNED = 1,
    parameter ACC      = 24,
    parameter OVERFLOW = 1,
    parameter OBSERVE  = 1,
    parameter EVW      = 32
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             load,
    input  wire [C*WLB-1:0] b,
    input  wire [R*WLA-1:0] a,
    input  wire [    R-1:0] a_valid,
    input  wire [    R-1:0] a_last,
    input  wire [C*ACC-1:0] sum_top,
    input  wire [    C-1:0] top_valid,
    input  wire [C*EVW-1:0] events_top,
    input  wire [C*EVW-1:0] first_k_top,
    input  wire [  EVW-1:0] k_base,
    output wire             done,
    output wire [C*ACC-1:0] sum,
    output wire [    C-1:0] sum_valid,
    output wire [C*EVW-1:0] events,
    output wire [C*EVW-1:0] first_k
);
  // Nets between PEs: column index C leaves the array on the right, row index R at the bottom.
  wire [R*(C+1)*WLA-1:0] a_net;
  wire [R*(C+1)-1:0] av_net, al_net;
  wire [(R+1)*C*WLB-1:0] w_net;
  wire [(R+1)*C*ACC-1:0] s_net;
  wire [(R+1)*C-1:0] sv_net;
  wire [(R+1)*C*EVW-1:0] e_net, f_net;

  assign w_net[C*WLB-1:0] = b;
  assign s_net[C*ACC-1:0] = sum_top;
  assign sv_net[C-1:0]    = top_valid;
  assign e_net[C*EVW-1:0] = events_top;
  assign f_net[C*EVW-1:0] = first_k_top;

  genvar r, c;
  generate
    for (r = 0; r < R; r = r + 1) begin : g_row
      localparam [EVW-1:0] ROW = r;
      wire [EVW-1:0] k = k_base + ROW;
      assign a_net[(r*(C+1))*WLA+:WLA] = a[r*WLA+:WLA];
      assign av_net[r*(C+1)] = a_valid[r];
      assign al_net[r*(C+1)] = a_last[r];
      for (c = 0; c < C; c = c + 1) begin : g_column
        hwsim_pe_ws #(
            .WLA(WLA), .WLB(WLB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .ACC(ACC),
            .OVERFLOW(OVERFLOW), .OBSERVE(OBSERVE), .EVW(EVW)
        ) pe (
            .clk(clk),
            .rst(rst),
            .load(load),
            .w_in(w_net[(r*C+c)*WLB+:WLB]),
            .w_out(w_net[((r+1)*C+c)*WLB+:WLB]),
            .a_in(a_net[(r*(C+1)+c)*WLA+:WLA]),
            .a_valid_in(av_net[r*(C+1)+c]),
            .a_last_in(al_net[r*(C+1)+c]),
            .a_out(a_net[(r*(C+1)+c+1)*WLA+:WLA]),
            .a_valid_out(av_net[r*(C+1)+c+1]),
            .a_last_out(al_net[r*(C+1)+c+1]),
            .sum_in(s_net[(r*C+c)*ACC+:ACC]),
            .sum_valid_in(sv_net[r*C+c]),
            .events_in(e_net[(r*C+c)*EVW+:EVW]),
            .first_k_in(f_net[(r*C+c)*EVW+:EVW]),
            .k(k),
            .sum_out(s_net[((r+1)*C+c)*ACC+:ACC]),
            .sum_valid_out(sv_net[(r+1)*C+c]),
            .events_out(e_net[((r+1)*C+c)*EVW+:EVW]),
            .first_k_out(f_net[((r+1)*C+c)*EVW+:EVW])
        );
      end
    end
  endgenerate

  assign done      = al_net[(R-1)*(C+1)+C-1];
  assign sum       = s_net[R*C*ACC+:C*ACC];
  assign sum_valid = sv_net[R*C+:C];
  assign events    = e_net[R*C*EVW+:C*EVW];
  assign first_k   = f_net[R*C*EVW+:C*EVW];
endmodule
