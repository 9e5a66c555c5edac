// hwsim_lfsr: linear-feedback shift register with jumps, the random numbers of stochastic rounding.
//
// Fibonacci form: a clock of the register shifts right by one and feeds the exclusive or of the tapped bits into the top. Here one
// clock edge moves it on by any number of such clocks: with x^n = sum of jump[i] x^i modulo the register's polynomial, the register
// n clocks later is the exclusive or of the registers i clocks later where jump[i] is 1. A requantiser that handles every N-th element
// of a tensor, each of which takes STEPS clocks, jumps by N * STEPS; jumps back are jumps by the period less their length.
//
// Parameters   LW     bits of the register
//              TAPS   tapped bits, bit 0 among them
// Ports        load, load_state   sets the register (not to zero)
//              step               moves on by the jump
//              jump               coefficients of x^n
//              state              the register; its low bits are the random number
// Timing       state changes at the edge after load or step
// Reset        none: load it
module hwsim_lfsr #(
    parameter          LW   = 16,
    parameter [LW-1:0] TAPS = 16'h002d
) (
    input  wire          clk,
    input  wire          load,
    input  wire [LW-1:0] load_state,
    input  wire          step,
    input  wire [LW-1:0] jump,
    output reg  [LW-1:0] state
);
  function [LW-1:0] moved(input [LW-1:0] from, input [LW-1:0] coefficients);
    reg [LW-1:0] later;
    integer i;
    begin
      later = from;
      moved = {LW{1'b0}};
      for (i = 0; i < LW; i = i + 1) begin
        if (coefficients[i]) moved = moved ^ later;
        later = {^(later & TAPS), later[LW-1:1]};
      end
    end
  endfunction
  always @(posedge clk) begin
    if (load) state <= load_state;
    else if (step) state <= moved(state, jump);
  end
endmodule
