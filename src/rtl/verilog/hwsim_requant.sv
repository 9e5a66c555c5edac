// hwsim_requant: accumulator to word.
//
//   word = fit(round((sum * multiplier + offset) * 2^(LEFT - shift)))
//
// computed exactly up to the rounding. The fraction that the shift drops is kept in full, so every rounding mode sees it.
//
// Parameters   ACC    bits of the sum
//              WLM    bits of the multiplier, two's complement; 0: no multiplier, the factor is 1
//              WLC    bits of the offset, two's complement; 0: no offset
//              LEFT   left shift, exact
//              SMAX   largest right shift
//              SHW    bits of the shift
//              ROUND  0 stochastic, 1 nearest-even, 2 nearest-away, 3 nearest-zero, 4 nearest-odd, 5 half-up, 6 half-down,
//                     7 floor, 8 ceiling, 9 toward-zero, 10 away-from-zero
//              RBITS  bits of the random number (stochastic)
//              WLY, SIGNED, NARROW, OVERFLOW   the word, as in hwsim_fit
// Ports        sum, multiplier, offset, shift   operands; a multiplier or offset that is not there is ignored
//              random     random number r of [0, 2^RBITS): stochastic rounding is floor(v + r / 2^RBITS)
//              word       result
//              clamped    1 if the rounded value was outside the word's range
// Timing       combinational
module hwsim_requant #(
    parameter ACC      = 24,
    parameter WLM      = 0,
    parameter WLC      = 0,
    parameter LEFT     = 0,
    parameter SMAX     = 8,
    parameter SHW      = 7,
    parameter ROUND    = 1,
    parameter RBITS    = 1,
    parameter WLY      = 8,
    parameter SIGNED   = 1,
    parameter NARROW   = 0,
    parameter OVERFLOW = 1,
    parameter MW       = (WLM > 0) ? WLM : 1,
    parameter CW       = (WLC > 0) ? WLC : 1
) (
    input  wire signed [  ACC-1:0] sum,
    input  wire signed [   MW-1:0] multiplier,
    input  wire signed [   CW-1:0] offset,
    input  wire        [  SHW-1:0] shift,
    input  wire        [RBITS-1:0] random,
    output wire        [  WLY-1:0] word,
    output wire                    clamped
);
  localparam PW = ACC + WLM;                       // sum * multiplier
  localparam OW = ((PW > CW) ? PW : CW) + 1;       // + offset
  localparam VW = OW + LEFT;                       // << LEFT
  localparam FW = (SMAX > RBITS) ? SMAX : RBITS;   // bits of the fraction

  wire signed [PW-1:0] scaled;
  generate
    if (WLM > 0) begin : g_multiply
      assign scaled = sum * multiplier;
    end else begin : g_as_it_is
      assign scaled = sum;
    end
  endgenerate
  wire signed [CW-1:0] addend = (WLC > 0) ? offset : {CW{1'b0}};
  wire signed [OW-1:0] value = {{(OW - PW) {scaled[PW-1]}}, scaled} + {{(OW - CW) {addend[CW-1]}}, addend};
  // The value with FW fractional bits, then shifted.
  wire signed [VW+FW-1:0] fixed = $signed({value, {(LEFT + FW) {1'b0}}}) >>> shift;
  wire signed [VW-1:0] floor = fixed[VW+FW-1:FW];
  wire [FW-1:0] fraction = fixed[FW-1:0];

  wire odd      = floor[0];
  wire negative = floor[VW-1];
  wire part     = |fraction;
  // The fraction without its first bit, which is a half.
  wire [FW:0] rest = {fraction, 1'b0};
  wire above   = fraction[FW-1] && |rest[FW-1:0];
  wire at_half = fraction[FW-1] && !(|rest[FW-1:0]);
  // r is aligned to the top of the fraction; one zero more on both keeps the padding from being empty.
  wire [FW:0] r = {random, {(FW - RBITS + 1) {1'b0}}};
  wire [FW+1:0] lifted = {1'b0, rest} + {1'b0, r};

  wire up = (ROUND == 0)  ? lifted[FW+1]
          : (ROUND == 1)  ? above || (at_half && odd)
          : (ROUND == 2)  ? above || (at_half && !negative)
          : (ROUND == 3)  ? above || (at_half && negative)
          : (ROUND == 4)  ? above || (at_half && !odd)
          : (ROUND == 5)  ? above || at_half
          : (ROUND == 6)  ? above
          : (ROUND == 7)  ? 1'b0
          : (ROUND == 8)  ? part
          : (ROUND == 9)  ? part && negative
          :                 part && !negative;
  wire signed [VW:0] rounded = {floor[VW-1], floor} + {{VW{1'b0}}, up};

  hwsim_fit #(
      .WIN(VW + 1), .WLO(WLY), .SIGNED(SIGNED), .NARROW(NARROW), .OVERFLOW(OVERFLOW)
  ) fit (
      .value(rounded), .word(word), .outside(clamped)
  );
endmodule
