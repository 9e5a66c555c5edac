// hwsim_fit: brings an integer into the range of a word.
//
// Parameters   WIN       bits of the value (two's complement)
//              WLO       bits of the word
//              SIGNED    1: two's complement word, 0: unsigned word
//              NARROW    1: the most negative word (signed) or the largest one (unsigned) is left out of the range
//              OVERFLOW  what a value outside becomes
//                        0 wrap                its low bits; where those are the word left out, that word's neighbour
//                        1 saturate            the nearest end of the range
//                        2 saturate-symmetric  the nearest end of [-max, max]; the most negative word moves up one step too
//                        3 saturate-zero       0
// Ports        value     integer
//              word      result
//              outside   1 if the value was outside the range, whatever became of it
// Timing       combinational
module hwsim_fit #(
    parameter WIN      = 17,
    parameter WLO      = 16,
    parameter SIGNED   = 1,
    parameter NARROW   = 0,
    parameter OVERFLOW = 1
) (
    input  wire signed [WIN-1:0] value,
    output wire        [WLO-1:0] word,
    output wire                  outside
);
  localparam W = ((WIN > WLO) ? WIN : WLO) + 2;
  localparam [WLO-1:0] ONES = {WLO{1'b1}};
  localparam [WLO-1:0] ONE  = ONES ^ (ONES << 1);
  // The most negative word, and the words at both ends of the range.
  localparam [WLO-1:0] SIGN    = ONE << (WLO - 1);
  localparam [WLO-1:0] LEFTOUT = (SIGNED != 0) ? SIGN : ONES;
  localparam [WLO-1:0] HIGH    = (SIGNED != 0) ? ~SIGN : (NARROW != 0) ? (ONES ^ ONE) : ONES;
  localparam SYMMETRIC = (OVERFLOW == 2 && SIGNED != 0 && WLO > 1) ? 1 : 0;
  localparam [WLO-1:0] LOW = (SIGNED == 0) ? (ONE ^ ONE)
                           : (WLO > 1 && (NARROW != 0 || SYMMETRIC != 0)) ? (SIGN | ONE)
                           : (NARROW != 0) ? (ONE ^ ONE) : SIGN;

  wire signed [W-1:0] v = {{(W - WIN) {value[WIN-1]}}, value};
  wire negative = v[W-1];
  wire [WLO-1:0] kept = v[WLO-1:0];
  wire is_left_out = (kept == LEFTOUT);

  // The bits that a word of the range repeats: copies of its sign, or zeros.
  wire beyond;
  generate
    if (SIGNED != 0) begin : g_signed
      assign beyond = (v[W-1:WLO-1] != {(W - WLO + 1) {negative}});
    end else begin : g_unsigned
      assign beyond = |v[W-1:WLO];
    end
  endgenerate
  assign outside = beyond || ((NARROW != 0) && is_left_out);

  wire [WLO-1:0] nearest = negative ? LOW : HIGH;
  generate
    if (OVERFLOW == 0) begin : g_wrap
      assign word = ((NARROW != 0) && is_left_out) ? ((SIGNED != 0) ? LOW : HIGH) : kept;
    end else if (OVERFLOW == 3) begin : g_zero
      assign word = outside ? (ONE ^ ONE) : kept;
    end else begin : g_saturate
      assign word = (outside || ((SYMMETRIC != 0) && is_left_out)) ? nearest : kept;
    end
  endgenerate
endmodule
