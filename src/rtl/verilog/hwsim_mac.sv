// hwsim_mac: multiplier, adder and registers of one MAC, without what connects it to an array.
//
// The circuit that hwsim's area fits are of, so that `hwsim rtl --synth` compares like with like. The arrays do not use it: a
// processing element adds flags, the enable of its sum, and the path on which sums leave.
//
// Parameters   WLA, WLB, A_SIGNED, B_SIGNED   as in hwsim_mul
//              ACC, OVERFLOW                  as in hwsim_add
// Ports        a, b        operands, registered
//              clear       the sum becomes zero
//              a_out, b_out, sum   registers
// Timing       the product of operands taken in at one edge is added at the next
// Reset        none but clear
module hwsim_mac #(
    parameter WLA      = 8,
    parameter WLB      = 8,
    parameter A_SIGNED = 1,
    parameter B_SIGNED = 1,
    parameter ACC      = 24,
    parameter OVERFLOW = 1
) (
    input  wire                  clk,
    input  wire                  clear,
    input  wire        [WLA-1:0] a,
    input  wire        [WLB-1:0] b,
    output reg         [WLA-1:0] a_out,
    output reg         [WLB-1:0] b_out,
    output reg  signed [ACC-1:0] sum
);
  localparam WLP = WLA + WLB + ((A_SIGNED == 0 && B_SIGNED == 0) ? 1 : 0);
  wire signed [WLP-1:0] product;
  wire signed [ACC-1:0] next;
  wire overflow;
  hwsim_mul #(
      .WLA(WLA), .WLB(WLB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED)
  ) mul (
      .a(a_out), .b(b_out), .p(product)
  );
  hwsim_add #(
      .ACC(ACC), .WLT(WLP), .OVERFLOW(OVERFLOW)
  ) add (
      .sum(sum), .term(product), .result(next), .overflow(overflow)
  );
  always @(posedge clk) begin
    a_out <= a;
    b_out <= b;
    sum   <= clear ? {ACC{1'b0}} : next;
  end
endmodule
