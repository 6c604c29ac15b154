//! What operations did, line by line: for people and for `status`, never replayed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::ReleaseId;

use super::lock::Holder;
use super::site::one_line;

/// Bytes of a journal that are kept.
pub(super) const MOST: &str = "262144";

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// It failed and everything was put back.
    Undone,
    /// It failed and was left where it stood.
    Failed,
    /// Somebody asked it to stop.
    Interrupted,
}

impl Outcome {
    /// `done`, `undone`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// When, by the client's clock.
    pub at: Timestamp,
    /// The lease's token: which operation.
    pub token: String,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    Started {
        verb: String,
        by: String,
        release: Option<ReleaseId>,
    },
    Stage {
        stage: String,
    },
    Ended {
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
}

impl Entry {
    pub(super) fn now(token: &str, event: Event) -> Self {
        Self {
            at: Timestamp::now(),
            token: token.to_owned(),
            event,
        }
    }

    /// The line with its newline.
    pub(super) fn line(&self) -> String {
        // Strings and numbers only: this cannot fail, and a lost line is better than a lost rollout.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// The last thing that was done to a project.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Operation {
    /// `up`, `rollback`, `down`.
    pub verb: String,
    /// Who.
    pub by: String,
    /// The release it makes or made.
    pub release: Option<ReleaseId>,
    /// When it began.
    pub started: Timestamp,
    /// The stage it reached.
    pub stage: Option<String>,
    /// How and when it ended. None: it runs, or its client vanished.
    pub ended: Option<(Timestamp, Outcome)>,
    /// Why it ended, when it failed.
    pub message: Option<String>,
    /// Whether its lease is alive.
    pub running: bool,
}

impl Operation {
    /// One line for people: `up to r13 by alice@laptop: interrupted, the client vanished during
    /// stage start web 1/2`.
    pub fn summary(&self) -> String {
        let release = self.release.map(|r| format!(" to {r}")).unwrap_or_default();
        let how = match (&self.ended, self.running) {
            (Some((_, outcome)), _) => outcome.as_str().to_owned(),
            (None, true) => format!("running{}", self.at_stage()),
            (None, false) => {
                format!("interrupted, the client vanished{}", self.at_stage())
            }
        };
        let why = self
            .message
            .as_ref()
            .map(|message| format!(" ({})", one_line(message)))
            .unwrap_or_default();
        format!(
            "{}{release} by {}: {how}{why}",
            one_line(&self.verb),
            one_line(&self.by)
        )
    }

    fn at_stage(&self) -> String {
        self.stage
            .as_ref()
            .map(|stage| format!(" during stage {}", one_line(stage)))
            .unwrap_or_default()
    }
}

/// The last operation of a journal. Lines that make no sense (cut by a full disk) are skipped.
pub(super) fn last(journal: &str, alive: Option<&Holder>) -> Option<Operation> {
    let mut last: Option<(String, Operation)> = None;
    for entry in journal
        .lines()
        .filter_map(|line| serde_json::from_str::<Entry>(line).ok())
    {
        match (entry.event, &mut last) {
            (Event::Started { verb, by, release }, _) => {
                let running = alive.is_some_and(|holder| holder.token == entry.token);
                let operation = Operation {
                    verb,
                    by,
                    release,
                    started: entry.at,
                    stage: None,
                    ended: None,
                    message: None,
                    running,
                };
                last = Some((entry.token, operation));
            }
            (Event::Stage { stage }, Some((token, operation))) if *token == entry.token => {
                operation.stage = Some(stage);
            }
            (Event::Ended { outcome, message }, Some((token, operation)))
                if *token == entry.token =>
            {
                operation.ended = Some((entry.at, outcome));
                operation.message = message;
                operation.running = false;
            }
            _ => {}
        }
    }
    last.map(|(_, operation)| operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(token: &str, verb: &str) -> String {
        let event = Event::Started {
            verb: verb.to_owned(),
            by: "alice@laptop".to_owned(),
            release: Some(ReleaseId(13)),
        };
        Entry::now(token, event).line()
    }

    fn stage(token: &str, stage: &str) -> String {
        let stage = stage.to_owned();
        Entry::now(token, Event::Stage { stage }).line()
    }

    #[test]
    fn an_operation_without_an_end_and_without_a_lease_was_interrupted() {
        let journal = started("a", "up") + &stage("a", "ship") + &stage("a", "start web 1/2");
        let operation = last(&journal, None).unwrap();
        assert_eq!(
            operation.summary(),
            "up to r13 by alice@laptop: interrupted, the client vanished during stage start web 1/2"
        );
        let holder = Holder::parse(b"{\"token\": \"a\"}");
        let operation = last(&journal, Some(&holder)).unwrap();
        assert!(operation.running);
        assert!(
            operation
                .summary()
                .ends_with("running during stage start web 1/2")
        );
    }

    #[test]
    fn only_the_last_operation_counts_and_late_lines_of_others_do_not() {
        let ended = Event::Ended {
            outcome: Outcome::Undone,
            message: Some("web 1 is\nunhealthy".to_owned()),
        };
        let journal = started("a", "up")
            + &started("b", "rollback")
            + &stage("a", "late")
            + &Entry::now("b", ended).line();
        let operation = last(&journal, None).unwrap();
        assert_eq!(
            operation.summary(),
            "rollback to r13 by alice@laptop: undone (web 1 is\\nunhealthy)"
        );
        assert_eq!(operation.stage, None);
    }

    #[test]
    fn lines_that_were_cut_are_skipped() {
        let journal = format!("verb\":\"up\"}}\n{}{{\"at\":", started("a", "up"));
        assert_eq!(last(&journal, None).unwrap().verb, "up");
        assert_eq!(last("", None), None);
        assert_eq!(last("\u{0}\n\n[]", None), None);
    }
}
