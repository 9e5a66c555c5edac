// hwsim_tb: operand memories, fold controller and memory of results around hwsim_core (in hwsim_dut), for any layer whose words fit the parameters.
//
// Build      parameters as in params.vh; memories are as large as its *_WORDS say.
// Run        +dir=DIR +M= +N= +K= +GROUPS= +BLOCKS= +JUMP= [+waves=FILE]     (run.args has them)
//            reads DIR/vectors/*.hex, writes DIR/out/*.hex and DIR/out/cycles.txt.
//
// The operands of a cycle are registers, written at the edge before the one at which the array takes them. Folds follow each other
// without an idle cycle. What is counted are edges at which the array takes an operand or gives a result: `compute` up to the last
// addition of a fold, which the array reports, `drain` from there to the last result.
`timescale 1ns / 1ps
`include "params.vh"

module hwsim_tb (
    input wire clk
);
  localparam DATAFLOW = `HWSIM_DATAFLOW, R = `HWSIM_R, C = `HWSIM_C, WLA = `HWSIM_WLA, WLB = `HWSIM_WLB;
  localparam ACC = `HWSIM_ACC, BIAS = `HWSIM_BIAS, WLC = `HWSIM_WLC, WLM = `HWSIM_WLM, SHW = `HWSIM_SHW;
  localparam WLY = `HWSIM_WLY, LW = `HWSIM_LW, EVW = `HWSIM_EVW, OFFSET = `HWSIM_OFFSET;
  localparam MW = (WLM > 0) ? WLM : 1, SW = (LW > 0) ? LW : 1;
  localparam A_WORDS = `HWSIM_A_WORDS, B_WORDS = `HWSIM_B_WORDS, COLUMN_WORDS = `HWSIM_COLUMN_WORDS;
  localparam SEED_WORDS = `HWSIM_SEED_WORDS, OUT_WORDS = `HWSIM_OUT_WORDS, FOLD_WORDS = `HWSIM_FOLD_WORDS;

  // Memories.
  reg [WLA-1:0] mem_a          [0:A_WORDS-1];
  reg [WLB-1:0] mem_b          [0:B_WORDS-1];
  reg [ACC-1:0] mem_init       [0:COLUMN_WORDS-1];
  reg [WLC-1:0] mem_bias       [0:COLUMN_WORDS-1];
  reg [ MW-1:0] mem_multiplier [0:COLUMN_WORDS-1];
  reg [WLC-1:0] mem_offset     [0:COLUMN_WORDS-1];
  reg [SHW-1:0] mem_shift      [0:COLUMN_WORDS-1];
  reg [ SW-1:0] mem_seed       [0:SEED_WORDS-1];
  reg [ACC-1:0] mem_fold       [0:FOLD_WORDS-1];
  reg [ACC-1:0] mem_acc        [0:OUT_WORDS-1];
  reg [ACC-1:0] mem_biased     [0:OUT_WORDS-1];
  reg [EVW-1:0] mem_events     [0:OUT_WORDS-1];
  reg [EVW-1:0] mem_first_k    [0:OUT_WORDS-1];
  reg [WLY-1:0] mem_word       [0:OUT_WORDS-1];
  reg           mem_clamped    [0:OUT_WORDS-1];

  // Ports of the core.
  reg rst, load, drain, seed_load, complete;
  reg [R*WLA-1:0] a;
  reg [R-1:0] a_valid, a_first, a_last;
  reg [C*WLB-1:0] b;
  reg [C-1:0] b_valid, top_valid;
  reg [C*ACC-1:0] init;
  reg [C*EVW-1:0] events_top, first_k_top;
  reg [EVW-1:0] k_base, terms;
  reg [C*WLC-1:0] bias, offset;
  reg [C*MW-1:0] multiplier;
  reg [C*SHW-1:0] shift;
  reg [C*SW-1:0] seed;
  reg [SW-1:0] jump;
  wire done;
  wire [C*ACC-1:0] sum, biased;
  wire [C-1:0] sum_valid, clamped;
  wire [C*EVW-1:0] events, first_k;
  wire [C*WLY-1:0] word;

  hwsim_dut dut (
      .clk(clk), .rst(rst), .load(load), .drain(drain), .a(a), .a_valid(a_valid), .a_first(a_first), .a_last(a_last),
      .b(b), .b_valid(b_valid), .init(init), .top_valid(top_valid), .events_top(events_top),
      .first_k_top(first_k_top), .k_base(k_base), .terms(terms), .complete(complete), .bias(bias), .multiplier(multiplier),
      .offset(offset), .shift(shift), .seed_load(seed_load), .seed(seed), .jump(jump), .done(done), .sum(sum),
      .sum_valid(sum_valid), .biased(biased), .events(events), .first_k(first_k), .word(word), .clamped(clamped)
  );

  // The layer.
  integer m_size, n_size, k_size, groups, blocks, row_folds, column_folds;
  // The fold: group; fold along the rows (M or K); fold along the columns (N); part of the stream; number among all.
  integer group, row_fold, column_fold, block, fold;
  // Its stream: elements, and the first of them.
  integer stream, first;

  localparam RESET = 0, LOAD = 1, STREAM = 2, DRAIN = 3, TAIL = 4, END = 5;
  integer state, t, taken;
  integer compute_cycles, drain_cycles;
  reg [8*1024-1:0] dir, waves;
  integer i, file;

  initial begin
    if (!$value$plusargs("dir=%s", dir)) dir = ".";
    if (!$value$plusargs("M=%d", m_size) || !$value$plusargs("N=%d", n_size) || !$value$plusargs("K=%d", k_size)) begin
      $display("hwsim_tb: give +M= +N= +K= (run.args has them)");
      $finish;
    end
    if (!$value$plusargs("GROUPS=%d", groups)) groups = 1;
    if (!$value$plusargs("BLOCKS=%d", blocks)) blocks = 1;
    if (!$value$plusargs("JUMP=%h", jump)) jump = 1;
    row_folds    = (((DATAFLOW == 0) ? m_size : k_size) + R - 1) / R;
    column_folds = (n_size + C - 1) / C;
    terms        = k_size;
    if (groups * m_size * n_size > OUT_WORDS || groups * n_size > COLUMN_WORDS) begin
      $display("hwsim_tb: the layer does not fit the memories; build with the params.vh of the largest layer");
      $finish;
    end
    $readmemh({dir, "/vectors/a.hex"}, mem_a);
    $readmemh({dir, "/vectors/b.hex"}, mem_b);
    $readmemh({dir, "/vectors/shift.hex"}, mem_shift);
    if (BIAS == 1) $readmemh({dir, "/vectors/init.hex"}, mem_init);
    if (BIAS == 2) $readmemh({dir, "/vectors/bias.hex"}, mem_bias);
    if (WLM > 0) $readmemh({dir, "/vectors/multiplier.hex"}, mem_multiplier);
    if (OFFSET != 0) $readmemh({dir, "/vectors/offset.hex"}, mem_offset);
    if (LW > 0) $readmemh({dir, "/vectors/seed.hex"}, mem_seed);
    if ($value$plusargs("waves=%s", waves)) begin
      $dumpfile(waves);
      $dumpvars(0, hwsim_tb);
    end
    state = RESET;
    t = 0;
    compute_cycles = 0;
    drain_cycles = 0;
    rst = 1'b1;
    idle;
  end

  // No operand, no result.
  task idle;
    begin
      load      <= 1'b0;
      drain     <= 1'b0;
      seed_load <= 1'b0;
      a         <= {(R * WLA) {1'b0}};
      a_valid   <= {R{1'b0}};
      a_first   <= {R{1'b0}};
      a_last    <= {R{1'b0}};
      b         <= {(C * WLB) {1'b0}};
      b_valid   <= {C{1'b0}};
      top_valid <= {C{1'b0}};
    end
  endtask

  // Constants of the columns, and the first operands of the fold.
  task begin_fold;
    integer c, n;
    begin
      for (c = 0; c < C; c = c + 1) begin
        n = group * n_size + column_fold * C + c;
        if (column_fold * C + c < n_size) begin
          bias[c*WLC+:WLC]     <= mem_bias[n];
          multiplier[c*MW+:MW] <= mem_multiplier[n];
          offset[c*WLC+:WLC]   <= mem_offset[n];
          shift[c*SHW+:SHW]    <= mem_shift[n];
        end
        if (LW > 0) seed[c*SW+:SW] <= mem_seed[fold*C+c];
      end
      complete <= (DATAFLOW == 0 || row_fold == row_folds - 1) ? 1'b1 : 1'b0;
      t = 0;
      taken = 0;
      if (DATAFLOW == 0) begin
        stream = k_size;
        state  = STREAM;
        stream_os;
      end else begin
        // The first parts are the longer ones.
        stream = m_size / blocks + ((block < m_size % blocks) ? 1 : 0);
        first  = block * (m_size / blocks) + ((block < m_size % blocks) ? block : m_size % blocks);
        k_base <= row_fold * R;
        state  = LOAD;
        load_ws;
      end
      seed_load <= (LW > 0) ? 1'b1 : 1'b0;
    end
  endtask

  // The operands of step t of an output-stationary fold: A [row_fold][k][r], B [column_fold][k][c].
  task stream_os;
    integer r, c, k, n;
    begin
      idle;
      for (r = 0; r < R; r = r + 1) begin
        k = t - r;
        if (k >= 0 && k < k_size) begin
          a[r*WLA+:WLA] <= mem_a[((group*row_folds+row_fold)*k_size+k)*R+r];
          a_valid[r]    <= (row_fold * R + r < m_size) ? 1'b1 : 1'b0;
          a_first[r]    <= (k == 0) ? 1'b1 : 1'b0;
          a_last[r]     <= (k == k_size - 1) ? 1'b1 : 1'b0;
        end
      end
      for (c = 0; c < C; c = c + 1) begin
        k = t - c;
        n = column_fold * C + c;
        if (k >= 0 && k < k_size) begin
          b[c*WLB+:WLB] <= mem_b[((group*column_folds+column_fold)*k_size+k)*C+c];
          b_valid[c]    <= (n < n_size) ? 1'b1 : 1'b0;
          if (BIAS == 1 && n < n_size) init[c*ACC+:ACC] <= mem_init[group*n_size+n];
        end
      end
    end
  endtask

  // The weights of step t: B [column_fold][row_fold][r][c], the last row first.
  task load_ws;
    integer c;
    begin
      idle;
      load <= 1'b1;
      for (c = 0; c < C; c = c + 1)
        b[c*WLB+:WLB] <= mem_b[(((group*column_folds+column_fold)*row_folds+row_fold)*R+R-1-t)*C+c];
    end
  endtask

  // The operands of step t of a weight-stationary fold, A [row_fold][m][r], and the sums of earlier folds.
  task stream_ws;
    integer r, c, s, n, out;
    begin
      idle;
      for (r = 0; r < R; r = r + 1) begin
        s = t - r;
        if (s >= 0 && s < stream) begin
          a[r*WLA+:WLA] <= mem_a[((group*row_folds+row_fold)*m_size+first+s)*R+r];
          a_valid[r]    <= (row_fold * R + r < k_size) ? 1'b1 : 1'b0;
          a_last[r]     <= (s == stream - 1) ? 1'b1 : 1'b0;
        end
      end
      for (c = 0; c < C; c = c + 1) begin
        s = t - c;
        n = column_fold * C + c;
        if (s >= 0 && s < stream) begin
          top_valid[c] <= 1'b1;
          out = (group * m_size + first + s) * n_size + n;
          init[c*ACC+:ACC]        <= {ACC{1'b0}};
          events_top[c*EVW+:EVW]  <= {EVW{1'b0}};
          first_k_top[c*EVW+:EVW] <= {EVW{1'b1}};
          if (n < n_size) begin
            if (row_fold > 0) begin
              init[c*ACC+:ACC]        <= mem_acc[out];
              events_top[c*EVW+:EVW]  <= mem_events[out];
              first_k_top[c*EVW+:EVW] <= mem_first_k[out];
            end else if (BIAS == 1) init[c*ACC+:ACC] <= mem_init[group*n_size+n];
          end
        end
      end
    end
  endtask

  // Keeps the result of column c for row m of the product.
  task take;
    input integer c;
    input integer m;
    integer n, out;
    begin
      n = column_fold * C + c;
      if (m < m_size && n < n_size) begin
        out = (group * m_size + m) * n_size + n;
        mem_acc[out]     = sum[c*ACC+:ACC];
        mem_biased[out]  = biased[c*ACC+:ACC];
        mem_word[out]    = word[c*WLY+:WLY];
        mem_clamped[out] = clamped[c];
        mem_events[out]  = events[c*EVW+:EVW];
        mem_first_k[out] = first_k[c*EVW+:EVW];
        if (DATAFLOW == 0) mem_fold[out] = sum[c*ACC+:ACC];
        else mem_fold[out*row_folds+row_fold] = sum[c*ACC+:ACC];
      end
    end
  endtask

  // Results of a weight-stationary array: column c gives rows of the stream in order.
  task take_ws;
    integer c;
    begin
      // Column c is c cycles behind column 0.
      for (c = 0; c < C; c = c + 1) if (sum_valid[c]) take(c, first + t - R - c);
      if (sum_valid[C-1]) taken = taken + 1;
    end
  endtask

  // The fold after this one: row folds before blocks before column folds, as far as sums wait for their next row fold.
  task next_fold;
    begin
      fold = fold + 1;
      row_fold = row_fold + 1;
      if (row_fold == row_folds) begin
        row_fold = 0;
        block = block + 1;
        if (block == blocks) begin
          block = 0;
          column_fold = column_fold + 1;
          if (column_fold == column_folds) begin
            column_fold = 0;
            group = group + 1;
          end
        end
      end
      if (group == groups) begin
        idle;
        state = END;
        finish;
      end else begin_fold;
    end
  endtask

  always @(posedge clk) begin
    case (state)
      RESET: begin
        t = t + 1;
        if (t == 2) rst <= 1'b0;
        if (t == 3) begin
          group = 0;
          row_fold = 0;
          column_fold = 0;
          block = 0;
          fold = 0;
          begin_fold;
        end
      end
      LOAD: begin
        compute_cycles = compute_cycles + 1;
        t = t + 1;
        if (t == R) begin
          t = 0;
          state = STREAM;
          stream_ws;
        end else load_ws;
      end
      STREAM: begin
        compute_cycles = compute_cycles + 1;
        if (DATAFLOW != 0) take_ws;
        if (done) begin
          if (DATAFLOW == 0) begin
            idle;
            drain <= 1'b1;
            t = 0;
            state = DRAIN;
          end else begin
            t = t + 1;
            stream_ws;
            state = TAIL;
          end
        end else begin
          t = t + 1;
          if (DATAFLOW == 0) stream_os;
          else stream_ws;
          if (t > stream + 4 * (R + C) + 64) stuck;
        end
      end
      DRAIN: begin
        drain_cycles = drain_cycles + 1;
        for (i = 0; i < C; i = i + 1) take(i, row_fold * R + R - 1 - t);
        t = t + 1;
        if (t == R) next_fold;
      end
      TAIL: begin
        drain_cycles = drain_cycles + 1;
        take_ws;
        t = t + 1;
        if (taken == stream) next_fold;
        else begin
          stream_ws;
          if (t > stream + 4 * (R + C) + 64) stuck;
        end
      end
      default: ;
    endcase
  end

  task stuck;
    begin
      $display("hwsim_tb: fold %0d does not end", fold);
      state = END;
      $finish;
    end
  endtask

  task finish;
    integer outputs, at;
    begin
      outputs = groups * m_size * n_size;
      file = $fopen({dir, "/out/fold_sums.hex"}, "w");
      for (at = 0; at < outputs * ((DATAFLOW == 0) ? 1 : row_folds); at = at + 1) $fwrite(file, "%h\n", mem_fold[at]);
      $fclose(file);
      file = $fopen({dir, "/out/acc.hex"}, "w");
      for (at = 0; at < outputs; at = at + 1) $fwrite(file, "%h\n", mem_acc[at]);
      $fclose(file);
      file = $fopen({dir, "/out/biased.hex"}, "w");
      for (at = 0; at < outputs; at = at + 1) $fwrite(file, "%h\n", mem_biased[at]);
      $fclose(file);
      file = $fopen({dir, "/out/events.hex"}, "w");
      for (at = 0; at < outputs; at = at + 1) $fwrite(file, "%h\n", mem_events[at]);
      $fclose(file);
      file = $fopen({dir, "/out/first_k.hex"}, "w");
      for (at = 0; at < outputs; at = at + 1) $fwrite(file, "%h\n", mem_first_k[at]);
      $fclose(file);
      file = $fopen({dir, "/out/word.hex"}, "w");
      for (at = 0; at < outputs; at = at + 1) $fwrite(file, "%h\n", mem_word[at]);
      $fclose(file);
      file = $fopen({dir, "/out/clamped.hex"}, "w");
      for (at = 0; at < outputs; at = at + 1) $fwrite(file, "%h\n", mem_clamped[at]);
      $fclose(file);
      file = $fopen({dir, "/out/cycles.txt"}, "w");
      $fwrite(file, "compute %0d\ndrain %0d\ntotal %0d\n", compute_cycles, drain_cycles,
              compute_cycles + drain_cycles);
      $fclose(file);
      $display("hwsim_tb: %0d outputs, %0d cycles", outputs, compute_cycles + drain_cycles);
      $finish;
    end
  endtask
endmodule
