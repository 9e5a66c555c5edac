//! Requests of an operand to its read buffer, computed before timing.

use super::config::Interface;
use super::demand::{Demand, Operand, Requests};
use super::error::SimulationError;
use super::folds::{Dataflow, Folds};
use super::geometry::{Dimensions, InputAddresses, LayerShape};
use super::prefetch::{self, PrefetchEvent};
use super::read_buffer::{self, Misses};
use super::window::Window;
use crate::cast::exact;

/// Most elements that are replayed.
const MOST_ELEMENTS: u128 = 1 << 31;

/// Misses or prefetches of a read buffer, by line of the schedule.
#[derive(Debug)]
pub(super) enum Traffic {
    Calculated(Misses),
    User(Prefetching),
}

/// The prefetches of a buffer in mode USER.
#[derive(Debug)]
pub(super) struct Prefetching {
    pub(super) events: Vec<PrefetchEvent>,
    pub(super) window: Window,
    /// Elements in the prefetch order.
    pub(super) elements: u64,
    /// Elements and nulls in the prefetch order.
    pub(super) places: u64,
}

impl Prefetching {
    /// Number of prefetches after the first fetch.
    pub(super) fn count(&self) -> u64 {
        self.events.iter().map(|event| event.count).sum()
    }
}

impl Traffic {
    pub(super) fn events(&self) -> &[PrefetchEvent] {
        match self {
            Self::Calculated(_) => &[],
            Self::User(prefetching) => &prefetching.events,
        }
    }
}

/// One read operand of a layer with its buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadOperand<'a> {
    pub(super) operand: Operand,
    pub(super) layer: &'a str,
    pub(super) shape: LayerShape,
    pub(super) dimensions: Dimensions,
    pub(super) demand: Demand,
    /// Size of the buffer in words.
    pub(super) words: u64,
}

/// Addresses of an operand, split into a part by lane and a part by time.
struct Addresses {
    lane: Vec<u32>,
    time: Vec<u32>,
    size: usize,
    input: Option<InputAddresses>,
}

impl Addresses {
    fn requests(&self, demand: Demand) -> Requests<'_> {
        Requests { demand, lane: &self.lane, time: &self.time }
    }
}

impl ReadOperand<'_> {
    fn folds(&self) -> &Folds {
        self.demand.folds()
    }

    /// Whether an element can occur twice in the operand's matrix.
    fn is_shared(&self) -> bool {
        self.operand == Operand::Input && self.shape.windows_overlap()
    }

    fn has_nulls(&self) -> bool {
        self.operand == Operand::Input && self.shape.overhangs()
    }

    /// Distinct elements that are asked for.
    fn distinct(&self) -> u128 {
        match self.operand {
            Operand::Input => self.shape.distinct_inputs(),
            Operand::Weight => u128::from(self.dimensions.k) * u128::from(self.dimensions.n),
        }
    }

    /// The addresses, for a replay that stores something for each of `elements` elements besides them.
    fn addresses(&self, elements: u128) -> Result<Addresses, SimulationError> {
        let Dimensions { n, k, .. } = self.dimensions;
        let (size, name) = match self.operand {
            Operand::Input => (self.shape.input_addresses(), "ifmap"),
            Operand::Weight => (self.distinct(), "filter"),
        };
        if size.max(elements) > MOST_ELEMENTS {
            return Err(SimulationError::Operand {
                layer: self.layer.to_owned(),
                operand: name,
                elements: size.max(elements),
            });
        }
        let (across, down, input) = match self.operand {
            Operand::Input => {
                let mut addresses = InputAddresses::new(&self.shape);
                let across = std::mem::take(&mut addresses.window);
                let down = std::mem::take(&mut addresses.offset);
                (across, down, Some(addresses))
            }
            Operand::Weight => {
                // Address n·K + k, all below 2^31.
                let across = (0..n).map(|filter| exact::<u32>(filter * k)).collect();
                (across, (0..exact::<u32>(k)).collect(), None)
            }
        };
        // `down` is indexed by k.
        let k_in_lanes = match (self.folds().dataflow, self.operand) {
            (Dataflow::OutputStationary, _) => false,
            (Dataflow::WeightStationary, Operand::Input) => true,
            (Dataflow::WeightStationary, Operand::Weight) => false,
            (Dataflow::InputStationary, Operand::Input) => false,
            (Dataflow::InputStationary, Operand::Weight) => true,
        };
        let (lane, time) = if k_in_lanes { (down, across) } else { (across, down) };
        Ok(Addresses { lane, time, size: size as usize, input })
    }

    /// First and last line with a request that is not null; `without_nulls` are those of a layer without nulls.
    pub(super) fn lines(&self, without_nulls: (u64, u64)) -> Result<(u64, u64), SimulationError> {
        if !self.has_nulls() {
            return Ok(without_nulls);
        }
        let addresses = self.addresses(0)?;
        let Some(input) = &addresses.input else { return Ok(without_nulls) };
        let last = addresses.requests(self.demand).last_line(|address| input.is_null(address));
        // The first window has no nulls.
        Ok((without_nulls.0, last))
    }

    /// The buffer's misses or prefetches.
    pub(super) fn traffic(&self, interface: &Interface) -> Result<Traffic, SimulationError> {
        match interface {
            Interface::Calculated => self.misses().map(Traffic::Calculated),
            Interface::User(_) => self.prefetching().map(Traffic::User),
        }
    }

    fn misses(&self) -> Result<Misses, SimulationError> {
        let capacity = read_buffer::set_capacity(self.words);
        let distinct = self.distinct();
        if distinct < u128::from(capacity) {
            return Ok(Misses { count: exact::<u64>(distinct), last_emptying: None });
        }
        if self.demand.passes() == 1 && !self.is_shared() && !self.has_nulls() {
            return Ok(read_buffer::all_distinct(&self.demand, capacity));
        }
        let addresses = self.addresses(0)?;
        let requests = addresses.requests(self.demand);
        let nulls = addresses.input.as_ref();
        Ok(read_buffer::emptied_when_full(&requests, addresses.size, nulls, capacity))
    }

    /// Misses of a buffer that keeps the newest half of its size instead of forgetting everything.
    pub(super) fn misses_if_newest_kept(&self) -> Result<u64, SimulationError> {
        let capacity = read_buffer::set_capacity(self.words);
        let addresses = self.addresses(0)?;
        let requests = addresses.requests(self.demand);
        let nulls = addresses.input.as_ref();
        Ok(read_buffer::newest_kept(&requests, addresses.size, nulls, capacity))
    }

    fn prefetching(&self) -> Result<Prefetching, SimulationError> {
        let elements = match self.operand {
            Operand::Input => exact::<u64>(self.shape.requested_inputs()),
            Operand::Weight => self.dimensions.k * self.dimensions.n,
        };
        let width = self.demand.lane_width();
        let places = (self.demand.lanes().div_ceil(width) * width)
            .checked_mul(self.demand.times())
            .filter(|places| i64::try_from(*places).is_ok())
            .ok_or_else(|| SimulationError::Counts {
                layer: self.layer.to_owned(),
                rows: exact::<u32>(self.folds().rows),
                columns: exact::<u32>(self.folds().columns),
            })?;
        let window = Window::new(self.words, elements);
        let events = if window.holds_all() {
            Vec::new()
        } else if self.is_shared() || self.has_nulls() {
            let addresses = self.addresses(u128::from(elements))?;
            let requests = addresses.requests(self.demand);
            let input = addresses.input.as_ref();
            input.map_or_else(Vec::new, |input| prefetch::shared_elements(&requests, input, window))
        } else {
            prefetch::distinct_elements(self.demand, window)
        };
        Ok(Prefetching { events, window, elements, places })
    }
}
