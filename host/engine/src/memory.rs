//! Memory of a task: one budget for all its instances, charged as they grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

use crate::limits::Limits;

/// What all instances of one task may use together. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryBudget(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    limit: u64,
    used: AtomicU64,
    peak: AtomicU64,
}

impl MemoryBudget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Budget { limit, used: AtomicU64::new(0), peak: AtomicU64::new(0) }))
    }

    /// The limit in bytes.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// The most bytes that were in use at once.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// Takes `bytes` out of the budget until the charge is dropped; none if they are not there.
    #[must_use]
    pub(crate) fn charge(&self, bytes: u64) -> Option<Charge> {
        let mut charge = Charge { budget: self.clone(), bytes: 0 };
        charge.grow(bytes).then_some(charge)
    }

    fn take(&self, bytes: u64) -> bool {
        let fits = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.0.limit);
        match self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(before) => {
                self.0.peak.fetch_max(before + bytes, Ordering::Relaxed);
                true
            }
            Err(_) => false,
        }
    }
}

/// Bytes taken out of a budget; they go back when this is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: MemoryBudget,
    bytes: u64,
}

impl Charge {
    pub(crate) fn grow(&mut self, bytes: u64) -> bool {
        let taken = self.budget.take(bytes);
        self.bytes += if taken { bytes } else { 0 };
        taken
    }

    fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

/// What was refused to a module; explains the crash that usually follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Memory,
    TableElements,
}

/// Holds one store to the limits. Growth is refused, not punished: a module that can do with less may
/// go on; one that crashes for it is told apart by `refused`.
#[derive(Debug)]
pub(crate) struct Limiter {
    charge: Charge,
    last: u64,
    tables: u64,
    last_table: u64,
    table_elements: u64,
    counts: (usize, usize, usize),
    pub(crate) refused: Option<Refused>,
}

impl Limiter {
    pub(crate) fn new(budget: &MemoryBudget, limits: &Limits) -> Self {
        Self {
            charge: Charge { budget: budget.clone(), bytes: 0 },
            last: 0,
            tables: 0,
            last_table: 0,
            table_elements: limits.table_elements,
            counts: (limits.core_instances, limits.memories, limits.tables),
            refused: None,
        }
    }
}

/// The bytes or elements to add; none where the maximum forbids it anyway.
fn growth(current: usize, desired: usize, maximum: Option<usize>) -> Option<u64> {
    let allowed = maximum.is_none_or(|maximum| desired <= maximum);
    allowed.then(|| desired.saturating_sub(current) as u64)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let Some(bytes) = growth(current, desired, maximum) else { return Ok(false) };
        let granted = self.charge.grow(bytes);
        self.last = if granted { bytes } else { 0 };
        if !granted {
            self.refused = Some(Refused::Memory);
        }
        Ok(granted)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        let bytes = std::mem::take(&mut self.last);
        self.charge.shrink(bytes);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let Some(elements) = growth(current, desired, maximum) else { return Ok(false) };
        let granted = self.tables + elements <= self.table_elements;
        self.last_table = if granted { elements } else { 0 };
        self.tables += self.last_table;
        if !granted {
            self.refused = Some(Refused::TableElements);
        }
        Ok(granted)
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.tables -= std::mem::take(&mut self.last_table);
        Ok(())
    }

    fn instances(&self) -> usize {
        self.counts.0
    }
    fn memories(&self) -> usize {
        self.counts.1
    }
    fn tables(&self) -> usize {
        self.counts.2
    }
}
