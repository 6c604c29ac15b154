//! `pipeline/<verb>.lua`: the order of phases of a verb (spec §13.1), with room for a project's own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use mlua::Table;
use tokio::sync::{mpsc, oneshot};

use super::Metered;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::script::fault::{explain, external};
use crate::script::path::ScriptPath;
use crate::script::scripts::Scripts;
use crate::script::vm::{Powers, Vm};

/// A phase at work.
pub type PhaseFuture<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// The phases of a verb. A script decides when; what a phase needs to have happened before is
/// checked by the phase itself.
pub trait Phases {
    /// Their names, in their usual order; each becomes a function of `run`.
    fn names(&self) -> &'static [&'static str];

    /// Does one of them.
    fn phase<'a>(&'a self, name: &'a str) -> PhaseFuture<'a>;
}

/// A verb's pipeline script.
pub struct Pipeline {
    vm: Vm,
    path: ScriptPath,
}

/// A script asks for a phase and waits for its end.
struct Asked {
    phase: &'static str,
    done: oneshot::Sender<Result<()>>,
}

impl Pipeline {
    /// The pipeline of `verb` in a fresh VM.
    ///
    /// # Errors
    /// There is no such pipeline; the VM cannot be made.
    pub fn new(scripts: &Scripts, verb: &str, events: &Events) -> Result<Self> {
        let path: ScriptPath = format!("pipeline/{verb}").parse()?;
        scripts.source(&path)?;
        Ok(Self {
            vm: Vm::new(&Arc::new(scripts.clone()), events, Powers::Act)?,
            path,
        })
    }

    /// Runs the script; phases run one at a time, in the order it asks for them.
    ///
    /// # Errors
    /// A phase's, unchanged; the script's own.
    pub async fn run(&self, phases: &dyn Phases) -> Result<()> {
        let (ask, mut asked) = mpsc::unbounded_channel();
        let mut script = self.script(phases.names(), ask);
        loop {
            tokio::select! {
                ended = &mut script => return ended,
                Some(Asked { phase, done }) = asked.recv() => {
                    // The script may have stopped waiting; the phase is over all the same.
                    let _ = done.send(phases.phase(phase).await);
                }
            }
        }
    }

    fn script(
        &self,
        names: &'static [&'static str],
        ask: mpsc::UnboundedSender<Asked>,
    ) -> Metered<()> {
        let (vm, path) = (self.vm.clone(), self.path.clone());
        Metered::new(&self.vm.meter, async move {
            let function = match vm.module(&path)? {
                mlua::Value::Function(function) => function,
                other => {
                    return Err(Error::user(format!(
                        "script `{path}` returned a value of type `{}` in place of a function",
                        other.type_name()
                    ))
                    .hint("end the script with `return function(run) … end`"));
                }
            };
            let place = crate::script::vm::place_of(&function);
            let run = phase_table(&vm, names, &ask).map_err(|error| explain(&error, &place))?;
            function
                .call_async::<()>(run)
                .await
                .map_err(|error| explain(&error, &place))
        })
    }
}

/// The table `run`: one function per phase.
fn phase_table(
    vm: &Vm,
    names: &'static [&'static str],
    ask: &mpsc::UnboundedSender<Asked>,
) -> mlua::Result<Table> {
    let run = vm.lua.create_table()?;
    for phase in names {
        let ask = ask.clone();
        let function = vm.lua.create_async_function(move |_, ()| {
            let ask = ask.clone();
            async move {
                let (done, ended) = oneshot::channel();
                let gone = || external(Error::user(format!("phase `{phase}` was given up")));
                ask.send(Asked { phase, done }).map_err(|_| gone())?;
                ended.await.map_err(|_| gone())?.map_err(external)
            }
        })?;
        run.raw_set(*phase, function)?;
    }
    let meta = vm.lua.create_table()?;
    let unknown = vm.lua.create_function(|_, (_, name): (Table, String)| {
        Err::<(), _>(external(unknown_phase(&name)))
    })?;
    meta.raw_set("__index", unknown)?;
    meta.raw_set("__metatable", false)?;
    run.set_metatable(Some(meta))?;
    run.set_readonly(true);
    Ok(run)
}

fn unknown_phase(name: &str) -> Error {
    Error::user(format!("there is no phase `{name}` in this pipeline"))
        .hint("the built-in script of the verb shows all: `webpods script eject pipeline/up`")
}
