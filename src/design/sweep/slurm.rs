//! A Slurm job array that runs a sweep.

use shell_words::{join, quote};

/// A script for `shards` tasks: `sh SCRIPT submit` submits the array and, once every task has succeeded, a job that merges.
///
/// `arguments` are those of `hwsim sweep` without shard and threads, `out` the final table, `logs` those of the shards.
pub fn script(arguments: &[String], out: &str, logs: &[String], shards: usize) -> String {
    let words = |words: &[String]| join(words);
    format!(
        "#!/bin/sh\n\
         # Submit with: sh THIS_FILE submit\n\
         # Set HWSIM to the program if it is not on the PATH. A task that is stopped or requeued goes on where it was.\n\
         #SBATCH --job-name=hwsim-sweep\n\
         #SBATCH --array=0-{last}\n\
         #SBATCH --cpus-per-task=1\n\
         #SBATCH --requeue\n\
         #SBATCH --output=hwsim-sweep-%A-%a.log\n\
         set -eu\n\
         : \"${{HWSIM:=hwsim}}\"\n\
         case \"${{1:-shard}}\" in\n\
         submit)\n    \
             array=$(sbatch --parsable \"$0\")\n    \
             sbatch --parsable --array=0-0 --dependency=\"afterok:$array\" --kill-on-invalid-dep=yes \"$0\" merge\n    \
             ;;\n\
         merge)\n    \
             exec \"$HWSIM\" sweep merge --output {out} {logs}\n    \
             ;;\n\
         *)\n    \
             exec \"$HWSIM\" sweep {arguments} --shard \"$SLURM_ARRAY_TASK_ID/{shards}\" --threads \"${{SLURM_CPUS_PER_TASK:-1}}\"\n    \
             ;;\n\
         esac\n",
        last = shards.saturating_sub(1),
        out = quote(out),
        logs = words(logs),
        arguments = words(arguments),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_shell_as_they_are() {}

    #[test]
    fn the_script_names_every_shard_and_the_merge() {
        let arguments = ["--rows", "8,16", "--out", "my results.csv"].map(str::to_owned);
        let text = script(&arguments, "my results.csv", &["a.log".into(), "b.log".into()], 2);
        assert!(text.contains("#SBATCH --array=0-1\n"));
        assert!(text.contains("sweep merge --output 'my results.csv' a.log b.log\n"));
        assert!(text.contains(
            "sweep --rows 8,16 --out 'my results.csv' --shard \"$SLURM_ARRAY_TASK_ID/2\""
        ));
    }
}
