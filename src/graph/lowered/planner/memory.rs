//! Steps joined, and memory shared between tensors.

use super::Planner;
use crate::graph::lowered::segment::{Port, Segment, Step};

impl Planner<'_, '_> {
    /// Functions of sums that nothing else reads become part of the convolution.
    pub(super) fn fuse(&mut self, exits: &[Port]) {
        let mut index = 0;
        while index < self.steps.len() {
            let Step::Convolve(convolve) = &self.steps[index] else {
                index += 1;
                continue;
            };
            let sums = convolve.output;
            let reads = |step: &Step| step.inputs().contains(&sums);
            let readers: Vec<usize> =
                (0..self.steps.len()).filter(|&step| reads(&self.steps[step])).collect();
            let is_exit = exits.iter().any(|port| port.buffer == sums);
            if let ([reader], false) = (readers.as_slice(), is_exit)
                && matches!(self.steps[*reader], Step::Map { .. })
                && let Step::Map { output, function, .. } = self.steps.remove(*reader)
                && let Step::Convolve(convolve) = &mut self.steps[index]
            {
                convolve.output = output;
                convolve.function = Some(function);
            }
            index += 1;
        }
    }
}

/// Gives buffers the memory of those that are not read any more.
pub(super) fn share_memory(segment: &mut Segment) {
    let last_read = |segment: &Segment, buffer: usize| {
        if segment.exits.iter().any(|port| port.buffer == buffer) {
            return usize::MAX;
        }
        segment.steps.iter().rposition(|step| step.inputs().contains(&buffer)).unwrap_or(0)
    };
    // Free slots of 16 and of 32 bits, and how many there are.
    let mut free = [Vec::new(), Vec::new()];
    let mut count = [0; 2];
    let mut take = |segment: &mut Segment, free: &mut [Vec<usize>; 2], buffer: usize| {
        let kind = usize::from(segment.buffers[buffer].wide);
        segment.buffers[buffer].slot = free[kind].pop().unwrap_or_else(|| {
            count[kind] += 1;
            count[kind] - 1
        });
    };
    for entry in segment.entries.clone() {
        take(segment, &mut free, entry.buffer);
    }
    for index in 0..segment.steps.len() {
        let output = segment.steps[index].output();
        take(segment, &mut free, output);
        let mut inputs = segment.steps[index].inputs();
        inputs.dedup();
        for input in inputs {
            if last_read(segment, input) == index {
                let buffer = segment.buffers[input];
                free[usize::from(buffer.wide)].push(buffer.slot);
            }
        }
    }
}
