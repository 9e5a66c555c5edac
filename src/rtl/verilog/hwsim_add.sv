// hwsim_add: one addition of an accumulator.
//
// The exact sum has max(ACC, WLT) + 1 bits, also where the term is wider than the accumulator; then it is brought into ACC bits.
//
// Parameters   ACC       bits of the accumulator
//              WLT       bits of the term
//              OVERFLOW  as in hwsim_fit
// Ports        sum       accumulator before
//              term      what is added, two's complement
//              result    accumulator after
//              overflow  1 if the exact sum was outside ACC bits: an accumulator event
// Timing       combinational
module hwsim_add #(
    parameter ACC      = 24,
    parameter WLT      = 16,
    parameter OVERFLOW = 1
) (
    input  wire signed [ACC-1:0] sum,
    input  wire signed [WLT-1:0] term,
    output wire signed [ACC-1:0] result,
    output wire                  overflow
);
  localparam SW = ((ACC > WLT) ? ACC : WLT) + 1;
  wire signed [SW-1:0] exact = {{(SW - ACC) {sum[ACC-1]}}, sum} + {{(SW - WLT) {term[WLT-1]}}, term};
  hwsim_fit #(
      .WIN(SW), .WLO(ACC), .SIGNED(1), .NARROW(0), .OVERFLOW(OVERFLOW)
  ) fit (
      .value(exact), .word(result), .outside(overflow)
  );
endmodule
