// hwsim_mul: exact product of two words.
//
// A module of its own, so that synthesis builds a multiplier and an adder. Written as one expression, `sum + a * b` is merged
// into one sum of partial products whose sign extension grows with the accumulator.
//
// Parameters   WLA, WLB            word lengths
//              A_SIGNED, B_SIGNED  1: two's complement, 0: unsigned
//              WLP                 bits of the product (derived): WLA + WLB, one more if both operands are unsigned
// Ports        a, b                operands
//              p                   a * b, two's complement
// Timing       combinational
module hwsim_mul #(
    parameter WLA      = 8,
    parameter WLB      = 8,
    parameter A_SIGNED = 1,
    parameter B_SIGNED = 1,
    parameter WLP      = WLA + WLB + ((A_SIGNED == 0 && B_SIGNED == 0) ? 1 : 0)
) (
    input  wire        [WLA-1:0] a,
    input  wire        [WLB-1:0] b,
    output wire signed [WLP-1:0] p
);
  generate
    if (A_SIGNED != 0 && B_SIGNED != 0) begin : g_ss
      assign p = $signed(a) * $signed(b);
    end else if (A_SIGNED == 0 && B_SIGNED == 0) begin : g_uu
      wire [WLA+WLB-1:0] magnitude = a * b;
      assign p = $signed({1'b0, magnitude});
    end else begin : g_mixed
      // A zero in front makes the unsigned operand a positive signed one; WLA + WLB bits hold the product.
      wire signed [WLA:0] wide_a = $signed({(A_SIGNED != 0) ? a[WLA-1] : 1'b0, a});
      wire signed [WLB:0] wide_b = $signed({(B_SIGNED != 0) ? b[WLB-1] : 1'b0, b});
      wire signed [WLA+WLB+1:0] wide = wide_a * wide_b;
      assign p = wide[WLP-1:0];
    end
  endgenerate
endmodule
