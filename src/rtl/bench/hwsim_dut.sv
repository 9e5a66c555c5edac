// hwsim_dut: hwsim_core with the parameters of params.vh, for the benches. Ports as in hwsim_core.
`timescale 1ns / 1ps
`include "params.vh"

module hwsim_dut #(
    parameter MW = (`HWSIM_WLM > 0) ? `HWSIM_WLM : 1,
    parameter SW = (`HWSIM_LW > 0) ? `HWSIM_LW : 1
) (
    input  wire                                    clk,
    input  wire                                    rst,
    input  wire                                    load,
    input  wire                                    drain,
    input  wire [`HWSIM_R*`HWSIM_WLA-1:0]          a,
    input  wire [`HWSIM_R-1:0]                     a_valid,
    input  wire [`HWSIM_R-1:0]                     a_first,
    input  wire [`HWSIM_R-1:0]                     a_last,
    input  wire [`HWSIM_C*`HWSIM_WLB-1:0]          b,
    input  wire [`HWSIM_C-1:0]                     b_valid,
    input  wire [`HWSIM_C*`HWSIM_ACC-1:0]          init,
    input  wire [`HWSIM_C-1:0]                     top_valid,
    input  wire [`HWSIM_C*`HWSIM_EVW-1:0]          events_top,
    input  wire [`HWSIM_C*`HWSIM_EVW-1:0]          first_k_top,
    input  wire [`HWSIM_EVW-1:0]                   k_base,
    input  wire [`HWSIM_EVW-1:0]                   terms,
    input  wire                                    complete,
    input  wire [`HWSIM_C*`HWSIM_WLC-1:0]          bias,
    input  wire [`HWSIM_C*MW-1:0]                  multiplier,
    input  wire [`HWSIM_C*`HWSIM_WLC-1:0]          offset,
    input  wire [`HWSIM_C*`HWSIM_SHW-1:0]          shift,
    input  wire                                    seed_load,
    input  wire [`HWSIM_C*SW-1:0]                  seed,
    input  wire [SW-1:0]                           jump,
    output wire                                    done,
    output wire [`HWSIM_C*`HWSIM_ACC-1:0]          sum,
    output wire [`HWSIM_C-1:0]                     sum_valid,
    output wire [`HWSIM_C*`HWSIM_ACC-1:0]          biased,
    output wire [`HWSIM_C*`HWSIM_EVW-1:0]          events,
    output wire [`HWSIM_C*`HWSIM_EVW-1:0]          first_k,
    output wire [`HWSIM_C*`HWSIM_WLY-1:0]          word,
    output wire [`HWSIM_C-1:0]                     clamped
);
  hwsim_core #(
      .DATAFLOW(`HWSIM_DATAFLOW), .R(`HWSIM_R), .C(`HWSIM_C), .WLA(`HWSIM_WLA), .WLB(`HWSIM_WLB),
      .A_SIGNED(`HWSIM_A_SIGNED), .B_SIGNED(`HWSIM_B_SIGNED), .ACC(`HWSIM_ACC), .ACC_OVERFLOW(`HWSIM_ACC_OVERFLOW),
      .BIAS(`HWSIM_BIAS), .WLC(`HWSIM_WLC), .OFFSET(`HWSIM_OFFSET), .WLM(`HWSIM_WLM), .LEFT(`HWSIM_LEFT),
      .SMAX(`HWSIM_SMAX), .SHW(`HWSIM_SHW), .ROUND(`HWSIM_ROUND), .RBITS(`HWSIM_RBITS), .WLY(`HWSIM_WLY),
      .Y_SIGNED(`HWSIM_Y_SIGNED), .Y_NARROW(`HWSIM_Y_NARROW), .Y_OVERFLOW(`HWSIM_Y_OVERFLOW), .LW(`HWSIM_LW),
      .TAPS(`HWSIM_TAPS), .EVW(`HWSIM_EVW), .OBSERVE(1)
  ) core (
      .clk(clk), .rst(rst), .load(load), .drain(drain), .a(a), .a_valid(a_valid), .a_first(a_first), .a_last(a_last),
      .b(b), .b_valid(b_valid), .init(init), .top_valid(top_valid), .events_top(events_top),
      .first_k_top(first_k_top), .k_base(k_base), .terms(terms), .complete(complete), .bias(bias),
      .multiplier(multiplier), .offset(offset), .shift(shift), .seed_load(seed_load), .seed(seed), .jump(jump),
      .done(done), .sum(sum), .sum_valid(sum_valid), .biased(biased), .events(events), .first_k(first_k),
      .word(word), .clamped(clamped)
  );
endmodule
