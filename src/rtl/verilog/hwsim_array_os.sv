// hwsim_array_os: output-stationary array of R x C processing elements.
//
// Row r takes element k of its operand in cycle k + r, column c in cycle k + c: the memories that feed the array read with this
// skew. PE (r, c) adds product k in cycle k + r + c, so the last sum of K terms is complete after K + R + C - 2 cycles
// (`done` is high in the last of them). Then `drain` is held for R cycles; in each, `sum` is one row of the array, row R-1 first.
// A fold takes K + 2R + C - 2 cycles from the edge that takes the first operand to the edge that takes the last result.
//
// Parameters   R, C   rows and columns; the others as in hwsim_pe_os
// Ports        lane i of a packed port is bits i*W to i*W+W-1
//              a, a_valid, a_first, a_last   operands of the rows
//              b, b_valid, init              operands and initial sums of the columns
//              drain                         results move down; no operand may be valid then
//              done                          PE (R-1, C-1) has its last operand
//              sum, events, first_k          the bottom row
// Reset        synchronous, active high
module hwsim_array_os #(
    parameter R        = 4,
    parameter C        = 4,
    parameter WLA      = 8,
    parameter WLB      = 8,
    parameter A_SIGNED = 1,
    parameter B_SIGNED = 1,
    parameter ACC      = 24,
    parameter OVERFLOW = 1,
    parameter INIT     = 0,
    parameter OBSERVE  = 1,
    parameter EVW      = 32
) (
    input  wire             clk,
    input  wire             rst,
    input  wire [R*WLA-1:0] a,
    input  wire [    R-1:0] a_valid,
    input  wire [    R-1:0] a_first,
    input  wire [    R-1:0] a_last,
    input  wire [C*WLB-1:0] b,
    input  wire [    C-1:0] b_valid,
    input  wire [C*ACC-1:0] init,
    input  wire             drain,
    output wire             done,
    output wire [C*ACC-1:0] sum,
    output wire [C*EVW-1:0] events,
    output wire [C*EVW-1:0] first_k
);
  // Nets between PEs: column index C leaves the array on the right, row index R at the bottom.
  wire [R*(C+1)*WLA-1:0] a_net;
  wire [R*(C+1)-1:0] av_net, af_net, al_net;
  wire [(R+1)*C*WLB-1:0] b_net;
  wire [(R+1)*C-1:0] bv_net;
  wire [(R+1)*C*ACC-1:0] i_net, s_net;
  wire [(R+1)*C*EVW-1:0] e_net, f_net;

  assign b_net[C*WLB-1:0]  = b;
  assign bv_net[C-1:0]     = b_valid;
  assign i_net[C*ACC-1:0]  = init;
  assign s_net[C*ACC-1:0]  = {(C * ACC) {1'b0}};
  assign e_net[C*EVW-1:0]  = {(C * EVW) {1'b0}};
  assign f_net[C*EVW-1:0]  = {(C * EVW) {1'b1}};

  genvar r, c;
  generate
    for (r = 0; r < R; r = r + 1) begin : g_row
      assign a_net[(r*(C+1))*WLA+:WLA] = a[r*WLA+:WLA];
      assign av_net[r*(C+1)] = a_valid[r];
      assign af_net[r*(C+1)] = a_first[r];
      assign al_net[r*(C+1)] = a_last[r];
      for (c = 0; c < C; c = c + 1) begin : g_column
        hwsim_pe_os #(
            .WLA(WLA), .WLB(WLB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .ACC(ACC),
            .OVERFLOW(OVERFLOW), .INIT(INIT), .OBSERVE(OBSERVE), .EVW(EVW)
        ) pe (
            .clk(clk),
            .rst(rst),
            .a_in(a_net[(r*(C+1)+c)*WLA+:WLA]),
            .a_valid_in(av_net[r*(C+1)+c]),
            .a_first_in(af_net[r*(C+1)+c]),
            .a_last_in(al_net[r*(C+1)+c]),
            .b_in(b_net[(r*C+c)*WLB+:WLB]),
            .b_valid_in(bv_net[r*C+c]),
            .init_in(i_net[(r*C+c)*ACC+:ACC]),
            .a_out(a_net[(r*(C+1)+c+1)*WLA+:WLA]),
            .a_valid_out(av_net[r*(C+1)+c+1]),
            .a_first_out(af_net[r*(C+1)+c+1]),
            .a_last_out(al_net[r*(C+1)+c+1]),
            .b_out(b_net[((r+1)*C+c)*WLB+:WLB]),
            .b_valid_out(bv_net[(r+1)*C+c]),
            .init_out(i_net[((r+1)*C+c)*ACC+:ACC]),
            .drain(drain),
            .sum_in(s_net[(r*C+c)*ACC+:ACC]),
            .events_in(e_net[(r*C+c)*EVW+:EVW]),
            .first_k_in(f_net[(r*C+c)*EVW+:EVW]),
            .sum_out(s_net[((r+1)*C+c)*ACC+:ACC]),
            .events_out(e_net[((r+1)*C+c)*EVW+:EVW]),
            .first_k_out(f_net[((r+1)*C+c)*EVW+:EVW])
        );
      end
    end
  endgenerate

  assign done    = al_net[(R-1)*(C+1)+C-1];
  assign sum     = s_net[R*C*ACC+:C*ACC];
  assign events  = e_net[R*C*EVW+:C*EVW];
  assign first_k = f_net[R*C*EVW+:C*EVW];
endmodule
