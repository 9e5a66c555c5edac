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
  genvar r, c;
  generate
    for (r = 0; r < R; r = r + 1) begin : g_row
      for (c = 0; c < C; c = c + 1) begin : g_column
        // Nets of this PE: what it takes from its neighbours or the edge of the array, and what it gives.
        wire [WLA-1:0] a_in, a_out;
        wire a_valid_in, a_first_in, a_last_in, a_valid_out, a_first_out, a_last_out;
        wire [WLB-1:0] b_in, b_out;
        wire b_valid_in, b_valid_out;
        wire [ACC-1:0] init_in, init_out, sum_in, sum_out;
        wire [EVW-1:0] events_in, events_out, first_k_in, first_k_out;

        if (c == 0) begin : g_left
          assign a_in       = a[r*WLA+:WLA];
          assign a_valid_in = a_valid[r];
          assign a_first_in = a_first[r];
          assign a_last_in  = a_last[r];
        end else begin : g_from_left
          assign a_in       = g_row[r].g_column[c-1].a_out;
          assign a_valid_in = g_row[r].g_column[c-1].a_valid_out;
          assign a_first_in = g_row[r].g_column[c-1].a_first_out;
          assign a_last_in  = g_row[r].g_column[c-1].a_last_out;
        end
        if (r == 0) begin : g_top
          assign b_in       = b[c*WLB+:WLB];
          assign b_valid_in = b_valid[c];
          assign init_in    = init[c*ACC+:ACC];
          assign sum_in     = {ACC{1'b0}};
          assign events_in  = {EVW{1'b0}};
          assign first_k_in = {EVW{1'b1}};
        end else begin : g_from_top
          assign b_in       = g_row[r-1].g_column[c].b_out;
          assign b_valid_in = g_row[r-1].g_column[c].b_valid_out;
          assign init_in    = g_row[r-1].g_column[c].init_out;
          assign sum_in     = g_row[r-1].g_column[c].sum_out;
          assign events_in  = g_row[r-1].g_column[c].events_out;
          assign first_k_in = g_row[r-1].g_column[c].first_k_out;
        end

        hwsim_pe_os #(
            .WLA(WLA), .WLB(WLB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .ACC(ACC),
            .OVERFLOW(OVERFLOW), .INIT(INIT), .OBSERVE(OBSERVE), .EVW(EVW)
        ) pe (
            .clk(clk), .rst(rst),
            .a_in(a_in), .a_valid_in(a_valid_in), .a_first_in(a_first_in), .a_last_in(a_last_in),
            .b_in(b_in), .b_valid_in(b_valid_in), .init_in(init_in),
            .a_out(a_out), .a_valid_out(a_valid_out), .a_first_out(a_first_out), .a_last_out(a_last_out),
            .b_out(b_out), .b_valid_out(b_valid_out), .init_out(init_out),
            .drain(drain), .sum_in(sum_in), .events_in(events_in), .first_k_in(first_k_in),
            .sum_out(sum_out), .events_out(events_out), .first_k_out(first_k_out)
        );
      end
    end
    for (c = 0; c < C; c = c + 1) begin : g_bottom
      assign sum[c*ACC+:ACC]     = g_row[R-1].g_column[c].sum_out;
      assign events[c*EVW+:EVW]  = g_row[R-1].g_column[c].events_out;
      assign first_k[c*EVW+:EVW] = g_row[R-1].g_column[c].first_k_out;
    end
  endgenerate

  assign done = g_row[R-1].g_column[C-1].a_last_in;
endmodule
