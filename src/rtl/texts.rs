//! The fixed texts of the folder: Verilog modules, test benches and scripts.

macro_rules! texts {
    ($($name:literal = $path:literal),* $(,)?) => {
        /// Path in the folder, and text.
        pub(super) const TEXTS: &[(&str, &str)] = &[$(($name, include_str!($path))),*];
    };
}

texts! {
    "rtl/hwsim_mul.sv" = "verilog/hwsim_mul.sv",
    "rtl/hwsim_fit.sv" = "verilog/hwsim_fit.sv",
    "rtl/hwsim_add.sv" = "verilog/hwsim_add.sv",
    "rtl/hwsim_mac.sv" = "verilog/hwsim_mac.sv",
    "rtl/hwsim_pe_os.sv" = "verilog/hwsim_pe_os.sv",
    "rtl/hwsim_pe_ws.sv" = "verilog/hwsim_pe_ws.sv",
    "rtl/hwsim_array_os.sv" = "verilog/hwsim_array_os.sv",
    "rtl/hwsim_array_ws.sv" = "verilog/hwsim_array_ws.sv",
    "rtl/hwsim_lfsr.sv" = "verilog/hwsim_lfsr.sv",
    "rtl/hwsim_requant.sv" = "verilog/hwsim_requant.sv",
    "rtl/hwsim_core.sv" = "verilog/hwsim_core.sv",
    "out/README" = "bench/out_README",
    "tb/hwsim_tb.sv" = "bench/hwsim_tb.sv",
    "tb/hwsim_clk.sv" = "bench/hwsim_clk.sv",
    "tb/hwsim_dut.sv" = "bench/hwsim_dut.sv",
    "tb/test_hwsim.py" = "bench/test_hwsim.py",
    "tb/Makefile" = "bench/Makefile",
    "tb/main.cpp" = "bench/main.cpp",
    "run_icarus.sh" = "bench/run_icarus.sh",
    "run_verilator.sh" = "bench/run_verilator.sh",
    "run_cocotb.sh" = "bench/run_cocotb.sh",
    "compare.sh" = "bench/compare.sh",
}
