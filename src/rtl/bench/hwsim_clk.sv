// hwsim_clk: the clock for simulators with delays.
`timescale 1ns / 1ps
module hwsim_clk;
  reg clk = 1'b0;
  always #5 clk = ~clk;
  hwsim_tb tb (.clk(clk));
endmodule
