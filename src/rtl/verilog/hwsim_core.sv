// hwsim_core: the array with what stands below its columns: addition of the bias, random numbers, requantiser.
//
// The results of a cycle in which sum_valid is high are combinational functions of the registers of the array, the column constants
// and the shift register of the column, which moves on by one jump at the edge that takes a result.
//
// Parameters   DATAFLOW  0 output-stationary, 1 weight-stationary
//              R, C, WLA, WLB, A_SIGNED, B_SIGNED, ACC, ACC_OVERFLOW, OBSERVE, EVW   as in the arrays
//              BIAS      0 none, 1 first (initial value of the sum), 2 last (added to the finished sum)
//              WLC       bits of the bias as it is added last, and of the requantiser's offset
//              OFFSET    1: the requantiser has an offset
//              WLM, LEFT, SMAX, SHW, ROUND, RBITS, WLY, Y_SIGNED, Y_NARROW, Y_OVERFLOW   as in hwsim_requant
//              LW, TAPS  shift register of stochastic rounding; LW = 0: none
// Ports        lane i of a packed port is bits i*W to i*W+W-1; for what enters the array, see hwsim_array_os and hwsim_array_ws.
//              init       output-stationary: initial sum of a column; weight-stationary: sum that enters at the top
//              drain      output-stationary only
//              load, top_valid, events_top, first_k_top, k_base   weight-stationary only
//              terms      K, the number of the bias among the additions of a sum, for first_k
//              complete   sums that leave the array now are complete, so that an overflow of the bias counts
//              bias, multiplier, offset, shift   constants of the columns in this fold
//              seed_load, seed, jump             shift registers of the columns
//              sum, sum_valid     accumulators as they leave the array
//              biased             after the bias, if it is added last
//              events, first_k    overflows, that of the bias included
//              word, clamped      requantised outputs
// Reset        synchronous, active high
module hwsim_core #(
    parameter          DATAFLOW     = 0,
    parameter          R            = 4,
    parameter          C            = 4,
    parameter          WLA          = 8,
    parameter          WLB          = 8,
    parameter          A_SIGNED     = 1,
    parameter          B_SIGNED     = 1,
    parameter          ACC          = 24,
    parameter          ACC_OVERFLOW = 1,
    parameter          BIAS         = 0,
    parameter          WLC          = 1,
    parameter          OFFSET       = 0,
    parameter          WLM          = 0,
    parameter          LEFT         = 0,
    parameter          SMAX         = 8,
    parameter          SHW          = 7,
    parameter          ROUND        = 1,
    parameter          RBITS        = 1,
    parameter          WLY          = 8,
    parameter          Y_SIGNED     = 1,
    parameter          Y_NARROW     = 0,
    parameter          Y_OVERFLOW   = 1,
    parameter          LW           = 0,
    parameter [31:0]   TAPS         = 32'h0000002d,
    parameter          OBSERVE      = 1,
    parameter          EVW          = 32,
    parameter          MW           = (WLM > 0) ? WLM : 1,
    parameter          SW           = (LW > 0) ? LW : 1
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             load,
    input  wire             drain,
    input  wire [R*WLA-1:0] a,
    input  wire [    R-1:0] a_valid,
    input  wire [    R-1:0] a_first,
    input  wire [    R-1:0] a_last,
    input  wire [C*WLB-1:0] b,
    input  wire [    C-1:0] b_valid,
    input  wire [C*ACC-1:0] init,
    input  wire [    C-1:0] top_valid,
    input  wire [C*EVW-1:0] events_top,
    input  wire [C*EVW-1:0] first_k_top,
    input  wire [  EVW-1:0] k_base,
    input  wire [  EVW-1:0] terms,
    input  wire             complete,
    input  wire [C*WLC-1:0] bias,
    input  wire [ C*MW-1:0] multiplier,
    input  wire [C*WLC-1:0] offset,
    input  wire [C*SHW-1:0] shift,
    input  wire             seed_load,
    input  wire [ C*SW-1:0] seed,
    input  wire [   SW-1:0] jump,
    output wire             done,
    output wire [C*ACC-1:0] sum,
    output wire [    C-1:0] sum_valid,
    output wire [C*ACC-1:0] biased,
    output wire [C*EVW-1:0] events,
    output wire [C*EVW-1:0] first_k,
    output wire [C*WLY-1:0] word,
    output wire [    C-1:0] clamped
);
  wire [C*EVW-1:0] array_events, array_first_k;

  generate
    if (DATAFLOW == 0) begin : g_os
      hwsim_array_os #(
          .R(R), .C(C), .WLA(WLA), .WLB(WLB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .ACC(ACC),
          .OVERFLOW(ACC_OVERFLOW), .INIT((BIAS == 1) ? 1 : 0), .OBSERVE(OBSERVE), .EVW(EVW)
      ) array (
          .clk(clk), .rst(rst), .a(a), .a_valid(a_valid), .a_first(a_first), .a_last(a_last), .b(b),
          .b_valid(b_valid), .init(init), .drain(drain), .done(done), .sum(sum), .events(array_events),
          .first_k(array_first_k)
      );
      assign sum_valid = {C{drain}};
    end else begin : g_ws
      hwsim_array_ws #(
          .R(R), .C(C), .WLA(WLA), .WLB(WLB), .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .ACC(ACC),
          .OVERFLOW(ACC_OVERFLOW), .OBSERVE(OBSERVE), .EVW(EVW)
      ) array (
          .clk(clk), .rst(rst), .load(load), .b(b), .a(a), .a_valid(a_valid), .a_last(a_last), .sum_top(init),
          .top_valid(top_valid), .events_top(events_top), .first_k_top(first_k_top), .k_base(k_base),
          .done(done), .sum(sum), .sum_valid(sum_valid), .events(array_events), .first_k(array_first_k)
      );
    end
  endgenerate

  genvar c;
  generate
    for (c = 0; c < C; c = c + 1) begin : g_column
      wire [ACC-1:0] column_sum = sum[c*ACC+:ACC];
      wire [EVW-1:0] e = array_events[c*EVW+:EVW];
      wire [EVW-1:0] f = array_first_k[c*EVW+:EVW];
      wire [ACC-1:0] column_biased;
      if (BIAS == 2) begin : g_bias
        wire overflow;
        hwsim_add #(
            .ACC(ACC), .WLT(WLC), .OVERFLOW(ACC_OVERFLOW)
        ) add (
            .sum(column_sum), .term(bias[c*WLC+:WLC]), .result(column_biased), .overflow(overflow)
        );
        assign events[c*EVW+:EVW]  = e + {{(EVW - 1) {1'b0}}, overflow && complete};
        assign first_k[c*EVW+:EVW] = (overflow && complete && (&f)) ? terms : f;
      end else begin : g_no_bias
        assign column_biased       = column_sum;
        assign events[c*EVW+:EVW]  = e;
        assign first_k[c*EVW+:EVW] = f;
      end
      assign biased[c*ACC+:ACC] = column_biased;

      wire [RBITS-1:0] random;
      if (LW > 0) begin : g_random
        wire [SW-1:0] state;
        hwsim_lfsr #(
            .LW(SW), .TAPS(TAPS[SW-1:0])
        ) lfsr (
            .clk(clk), .load(seed_load), .load_state(seed[c*SW+:SW]), .step(sum_valid[c]), .jump(jump), .state(state)
        );
        assign random = state[RBITS-1:0];
      end else begin : g_no_random
        assign random = {RBITS{1'b0}};
      end

      hwsim_requant #(
          .ACC(ACC), .WLM(WLM), .WLC((OFFSET != 0) ? WLC : 0), .LEFT(LEFT), .SMAX(SMAX), .SHW(SHW), .ROUND(ROUND),
          .RBITS(RBITS), .WLY(WLY), .SIGNED(Y_SIGNED), .NARROW(Y_NARROW), .OVERFLOW(Y_OVERFLOW),
          .CW((OFFSET != 0) ? WLC : 1)
      ) requant (
          .sum(column_biased), .multiplier(multiplier[c*MW+:MW]),
          .offset(offset[c*WLC+:((OFFSET != 0) ? WLC : 1)]), .shift(shift[c*SHW+:SHW]), .random(random),
          .word(word[c*WLY+:WLY]), .clamped(clamped[c])
      );
    end
  endgenerate
endmodule
