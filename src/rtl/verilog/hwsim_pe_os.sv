// hwsim_pe_os: processing element of an output-stationary array.
//
// Keeps the sum of one output. Operands a move right and operands b down, one element a clock. The product of the operands at the
// inputs is added in the same cycle, so that the first operand is used at the edge that takes it in. While `drain` is high the
// sums of a column move down by one row a clock.
//
// Parameters   WLA, WLB, A_SIGNED, B_SIGNED   as in hwsim_mul
//              ACC, OVERFLOW                  as in hwsim_add
//              INIT     1: a sum starts at init_in, which moves down with b; 0: at zero, without the registers
//              OBSERVE  1: count overflows, and keep the first k that overflowed; 0: without these registers
//              EVW      bits of these counters
// Ports        a_in, a_valid_in    element of a, and whether the row has one
//              a_first_in          first element of a sum (k = 0); moves with a, whether valid or not
//              a_last_in           last element of a sum
//              b_in, b_valid_in    element of b, and whether the column has one
//              init_in             initial value of the sum, read with a_first_in
//              *_out               the same, one clock later, for the next PE
//              drain, sum_in, events_in, first_k_in   from the PE above
//              sum_out             the sum
//              events_out          additions that left the accumulator
//              first_k_out         k of the first of them; all ones if there was none
// Timing       a sum of K terms is complete at the edge that takes the last operand in
// Reset        synchronous, active high: flags, sum and counters are cleared
module hwsim_pe_os #(
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
    input  wire                  clk,
    input  wire                  rst,
    input  wire        [WLA-1:0] a_in,
    input  wire                  a_valid_in,
    input  wire                  a_first_in,
    input  wire                  a_last_in,
    input  wire        [WLB-1:0] b_in,
    input  wire                  b_valid_in,
    input  wire signed [ACC-1:0] init_in,
    output reg         [WLA-1:0] a_out,
    output reg                   a_valid_out,
    output reg                   a_first_out,
    output reg                   a_last_out,
    output reg         [WLB-1:0] b_out,
    output reg                   b_valid_out,
    output wire signed [ACC-1:0] init_out,
    input  wire                  drain,
    input  wire signed [ACC-1:0] sum_in,
    input  wire        [EVW-1:0] events_in,
    input  wire        [EVW-1:0] first_k_in,
    output reg  signed [ACC-1:0] sum_out,
    output wire        [EVW-1:0] events_out,
    output wire        [EVW-1:0] first_k_out
);
  localparam WLP = WLA + WLB + ((A_SIGNED == 0 && B_SIGNED == 0) ? 1 : 0);

  // A PE outside the product, in an edge fold, must neither add nor count.
  wire mac = a_valid_in && b_valid_in;

  wire signed [WLP-1:0] product;
  hwsim_mul #(
      .WLA(WLA), .WLB(WLB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED)
  ) mul (
      .a(a_in), .b(b_in), .p(product)
  );

  wire signed [ACC-1:0] start = (INIT != 0) ? init_in : {ACC{1'b0}};
  wire signed [ACC-1:0] base = a_first_in ? start : sum_out;
  wire signed [ACC-1:0] next;
  wire overflow;
  hwsim_add #(
      .ACC(ACC), .WLT(WLP), .OVERFLOW(OVERFLOW)
  ) add (
      .sum(base), .term(product), .result(next), .overflow(overflow)
  );

  always @(posedge clk) begin
    a_out <= a_in;
    b_out <= b_in;
    if (rst) begin
      a_valid_out <= 1'b0;
      a_first_out <= 1'b0;
      a_last_out  <= 1'b0;
      b_valid_out <= 1'b0;
      sum_out     <= {ACC{1'b0}};
    end else begin
      a_valid_out <= a_valid_in;
      a_first_out <= a_first_in;
      a_last_out  <= a_last_in;
      b_valid_out <= b_valid_in;
      if (drain) sum_out <= sum_in;
      else if (mac) sum_out <= next;
    end
  end

  generate
    if (INIT != 0) begin : g_init
      reg signed [ACC-1:0] init_q;
      always @(posedge clk) init_q <= init_in;
      assign init_out = init_q;
    end else begin : g_no_init
      assign init_out = {ACC{1'b0}};
    end
    if (OBSERVE != 0) begin : g_observe
      reg [EVW-1:0] events, first_k, k;
      wire [EVW-1:0] k_now = a_first_in ? {EVW{1'b0}} : k;
      wire [EVW-1:0] events_base = a_first_in ? {EVW{1'b0}} : events;
      wire [EVW-1:0] first_base = a_first_in ? {EVW{1'b1}} : first_k;
      always @(posedge clk) begin
        if (rst) begin
          events  <= {EVW{1'b0}};
          first_k <= {EVW{1'b1}};
          k       <= {EVW{1'b0}};
        end else if (drain) begin
          events  <= events_in;
          first_k <= first_k_in;
        end else if (mac) begin
          events  <= events_base + {{(EVW - 1) {1'b0}}, overflow};
          first_k <= (overflow && (&first_base)) ? k_now : first_base;
          k       <= k_now + {{(EVW - 1) {1'b0}}, 1'b1};
        end
      end
      assign events_out  = events;
      assign first_k_out = first_k;
    end else begin : g_blind
      assign events_out  = {EVW{1'b0}};
      assign first_k_out = {EVW{1'b1}};
    end
  endgenerate
endmodule
