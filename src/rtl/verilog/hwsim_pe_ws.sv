// hwsim_pe_ws: processing element of a weight-stationary array.
//
// Keeps one weight. Operands a move right, partial sums down, one element a clock. While `load` is high the weights of a column
// move down by one row a clock.
//
// Parameters   as in hwsim_pe_os
// Ports        load, w_in          weight from the PE above; w_out is the weight kept
//              a_in, a_valid_in    element of a, and whether the row has one: without one the sum passes unchanged
//              a_last_in           last element of the stream
//              sum_in, sum_valid_in, events_in, first_k_in   partial sum from above with its counters
//              k                   k of this row in the fold
//              *_out               one clock later: a for the PE to the right, the sum for the PE below
// Timing       one clock from sum_in to sum_out
// Reset        synchronous, active high: flags are cleared
module hwsim_pe_ws #(
    parameter WLA      = 8,
    parameter WLB      = 8,
    parameter A_SIGNED = 1,
    parameter B_SIGNED = 1,
    parameter ACC      = 24,
    parameter OVERFLOW = 1,
    parameter OBSERVE  = 1,
    parameter EVW      = 32
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  load,
    input  wire        [WLB-1:0] w_in,
    output reg         [WLB-1:0] w_out,
    input  wire        [WLA-1:0] a_in,
    input  wire                  a_valid_in,
    input  wire                  a_last_in,
    output reg         [WLA-1:0] a_out,
    output reg                   a_valid_out,
    output reg                   a_last_out,
    input  wire signed [ACC-1:0] sum_in,
    input  wire                  sum_valid_in,
    input  wire        [EVW-1:0] events_in,
    input  wire        [EVW-1:0] first_k_in,
    input  wire        [EVW-1:0] k,
    output reg  signed [ACC-1:0] sum_out,
    output reg                   sum_valid_out,
    output wire        [EVW-1:0] events_out,
    output wire        [EVW-1:0] first_k_out
);
  localparam WLP = WLA + WLB + ((A_SIGNED == 0 && B_SIGNED == 0) ? 1 : 0);

  wire signed [WLP-1:0] product;
  hwsim_mul #(
      .WLA(WLA), .WLB(WLB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED)
  ) mul (
      .a(a_in), .b(w_out), .p(product)
  );

  wire signed [ACC-1:0] next;
  wire overflow;
  hwsim_add #(
      .ACC(ACC), .WLT(WLP), .OVERFLOW(OVERFLOW)
  ) add (
      .sum(sum_in), .term(product), .result(next), .overflow(overflow)
  );

  always @(posedge clk) begin
    if (load) w_out <= w_in;
    a_out   <= a_in;
    sum_out <= a_valid_in ? next : sum_in;
    if (rst) begin
      a_valid_out   <= 1'b0;
      a_last_out    <= 1'b0;
      sum_valid_out <= 1'b0;
    end else begin
      a_valid_out   <= a_valid_in;
      a_last_out    <= a_last_in;
      sum_valid_out <= sum_valid_in;
    end
  end

  generate
    if (OBSERVE != 0) begin : g_observe
      reg [EVW-1:0] events, first_k;
      wire event_now = a_valid_in && overflow;
      always @(posedge clk) begin
        events  <= events_in + {{(EVW - 1) {1'b0}}, event_now};
        first_k <= (event_now && (&first_k_in)) ? k : first_k_in;
      end
      assign events_out  = events;
      assign first_k_out = first_k;
    end else begin : g_blind
      assign events_out  = {EVW{1'b0}};
      assign first_k_out = {EVW{1'b1}};
    end
  endgenerate
endmodule
