//! How much processor time a script may take, and how it is stopped.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mlua::{Lua, VmState};
use rustix::time::{ClockId, clock_gettime};

use crate::error::Error;

/// Memory of one VM, in bytes.
pub(crate) const MEMORY: usize = 64 << 20;

/// Processor time of one call, or of one stretch between two waits.
pub(crate) const TIME: Duration = Duration::from_millis(500);

/// Interrupts between two looks at the clock: loops stay fast, and what runs between two
/// interrupts is short.
const STRIDE: u32 = 16;

/// Stops Lua code that takes too much processor time.
///
/// Processor time and not wall time, so that a busy machine does not fail a healthy script and
/// waiting for a host costs nothing. Once the limit is passed every further interrupt fails too:
/// a script cannot catch the error and go on.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    running: Mutex<()>,
    slice: Mutex<Option<Slice>>,
    ticks: AtomicU32,
    over: AtomicBool,
    place: Mutex<Option<String>>,
}

#[derive(Debug, Clone, Copy)]
struct Slice {
    wall: Instant,
    cpu: Duration,
}

impl Meter {
    /// Runs `work`, which enters Lua, on a fresh allowance. One thread at a time: the VM itself
    /// admits no more.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _running = hold(&self.running);
        *hold(&self.slice) = Some(Slice {
            wall: Instant::now(),
            cpu: cpu_time(),
        });
        let result = work();
        *hold(&self.slice) = None;
        result
    }

    /// The place where the limit was passed, once it was; the next run starts afresh.
    pub fn take_overrun(&self) -> Option<String> {
        self.over
            .swap(false, Ordering::Relaxed)
            .then(|| hold(&self.place).take().unwrap_or_default())
    }

    /// Called by the VM at every call and every turn of a loop.
    pub fn tick(&self, lua: &Lua) -> mlua::Result<VmState> {
        if self.over.load(Ordering::Relaxed) {
            return Err(overrun(""));
        }
        if !self
            .ticks
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(STRIDE)
        {
            return Ok(VmState::Continue);
        }
        let Some(slice) = *hold(&self.slice) else {
            return Ok(VmState::Continue);
        };
        if slice.wall.elapsed() < TIME || cpu_time().saturating_sub(slice.cpu) < TIME {
            return Ok(VmState::Continue);
        }
        let place = position(lua).unwrap_or_default();
        let error = overrun(&place);
        *hold(&self.place) = Some(place);
        self.over.store(true, Ordering::Relaxed);
        Err(error)
    }
}

/// `script:line` of the innermost Lua function that runs.
pub(crate) fn position(lua: &Lua) -> Option<String> {
    (0..16).find_map(|level| {
        lua.inspect_stack(level, |debug| {
            let line = debug.current_line()?;
            let name = debug.source().short_src?.into_owned();
            Some(format!("{name}:{line}"))
        })
        .flatten()
    })
}

/// The error of a script that runs too long.
pub(crate) fn too_long(place: &str) -> Error {
    let at = if place.is_empty() {
        "a script".to_owned()
    } else {
        format!("the script at `{place}`")
    };
    Error::user(format!(
        "{at} ran longer than {} ms and was stopped",
        TIME.as_millis()
    ))
    .hint("look for a loop that does not end; `webpods script ls` shows where scripts come from")
}

fn overrun(place: &str) -> mlua::Error {
    mlua::Error::external(too_long(place))
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        now.tv_sec.try_into().unwrap_or_default(),
        now.tv_nsec.try_into().unwrap_or_default(),
    )
}

/// A panic in another thread leaves nothing half-changed here.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
