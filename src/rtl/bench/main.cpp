// Clock of hwsim_tb for Verilator. +LIMIT=N stops after N cycles, with exit code 1.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "Vhwsim_tb.h"
#include "verilated.h"

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    context.traceEverOn(true);
    uint64_t limit = UINT64_MAX;
    for (int i = 1; i < argc; i++) {
        if (std::strncmp(argv[i], "+LIMIT=", 7) == 0) limit = std::strtoull(argv[i] + 7, nullptr, 10);
    }
    Vhwsim_tb top{&context};
    top.clk = 0;
    for (uint64_t edge = 0; !context.gotFinish(); edge++) {
        if (edge / 2 > limit) {
            std::fprintf(stderr, "main: no end after %llu cycles\n", static_cast<unsigned long long>(limit));
            return 1;
        }
        top.eval();
        context.timeInc(5);
        top.clk = !top.clk;
    }
    top.final();
    return 0;
}
