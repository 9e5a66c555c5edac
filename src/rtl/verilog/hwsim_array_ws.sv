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
  genvar r, c;
  generate
    for (r = 0; r < R; r = r + 1) begin : g_row
      localparam [EVW-1:0] ROW = r;
      wire [EVW-1:0] k = k_base + ROW;
      for (c = 0; c < C; c = c + 1) begin : g_column
        // Nets of this PE: what it takes from its neighbours or the edge of the array, and what it gives.
        wire [WLA-1:0] a_in, a_out;
        wire a_valid_in, a_last_in, a_valid_out, a_last_out;
        wire [WLB-1:0] w_in, w_out;
        wire [ACC-1:0] sum_in, sum_out;
        wire sum_valid_in, sum_valid_out;
        wire [EVW-1:0] events_in, events_out, first_k_in, first_k_out;

        if (c == 0) begin : g_left
          assign a_in       = a[r*WLA+:WLA];
          assign a_valid_in = a_valid[r];
          assign a_last_in  = a_last[r];
        end else begin : g_from_left
          assign a_in       = g_row[r].g_column[c-1].a_out;
          assign a_valid_in = g_row[r].g_column[c-1].a_valid_out;
          assign a_last_in  = g_row[r].g_column[c-1].a_last_out;
        end
        if (r == 0) begin : g_top
          assign w_in         = b[c*WLB+:WLB];
          assign sum_in       = sum_top[c*ACC+:ACC];
          assign sum_valid_in = top_valid[c];
          assign events_in    = events_top[c*EVW+:EVW];
          assign first_k_in   = first_k_top[c*EVW+:EVW];
        end else begin : g_from_top
          assign w_in         = g_row[r-1].g_column[c].w_out;
          assign sum_in       = g_row[r-1].g_column[c].sum_out;
          assign sum_valid_in = g_row[r-1].g_column[c].sum_valid_out;
          assign events_in    = g_row[r-1].g_column[c].events_out;
          assign first_k_in   = g_row[r-1].g_column[c].first_k_out;
        end

        hwsim_pe_ws #(
            .WLA(WLA), .WLB(WLB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .ACC(ACC),
            .OVERFLOW(OVERFLOW), .OBSERVE(OBSERVE), .EVW(EVW)
        ) pe (
            .clk(clk), .rst(rst), .load(load), .w_in(w_in), .w_out(w_out),
            .a_in(a_in), .a_valid_in(a_valid_in), .a_last_in(a_last_in),
            .a_out(a_out), .a_valid_out(a_valid_out), .a_last_out(a_last_out),
            .sum_in(sum_in), .sum_valid_in(sum_valid_in), .events_in(events_in), .first_k_in(first_k_in), .k(k),
            .sum_out(sum_out), .sum_valid_out(sum_valid_out), .events_out(events_out), .first_k_out(first_k_out)
        );
      end
    end
    for (c = 0; c < C; c = c + 1) begin : g_bottom
      assign sum[c*ACC+:ACC]     = g_row[R-1].g_column[c].sum_out;
      assign sum_valid[c]        = g_row[R-1].g_column[c].sum_valid_out;
      assign events[c*EVW+:EVW]  = g_row[R-1].g_column[c].events_out;
      assign first_k[c*EVW+:EVW] = g_row[R-1].g_column[c].first_k_out;
    end
  endgenerate

  assign done = g_row[R-1].g_column[C-1].a_last_in;
endmodule
