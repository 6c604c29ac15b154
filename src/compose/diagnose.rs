//! What is wrong with a file, and where.

use super::source::Span;

/// One thing wrong with the input.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Where; [`Span::NOWHERE`] when no single place is to blame.
    pub at: Span,
    /// What is wrong, one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that take part, with what they are.
    pub also: Vec<(Span, String)>,
    /// The value of which nothing more can be said, if any.
    pub spoils: Option<Span>,
    /// What an unknown key is meant to be.
    pub meant: Option<&'static str>,
}

impl Problem {
    /// `message` about what stands at `at`.
    pub fn new(at: Span, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            hint: None,
            also: Vec::new(),
            spoils: (at != Span::NOWHERE).then_some(at),
            meant: None,
        }
    }

    /// A problem of the project as a whole.
    pub fn nowhere(message: impl Into<String>) -> Self {
        Self::new(Span::NOWHERE, message)
    }

    /// The same about `at`, when no place is known yet.
    #[must_use]
    pub fn placed(mut self, at: Span) -> Self {
        if self.at == Span::NOWHERE {
            self.at = at;
            self.spoils = Some(at);
        }
        self
    }

    /// Whatever else there is to say about the value can be said.
    #[must_use]
    pub fn leaves_the_rest(mut self) -> Self {
        self.spoils = None;
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds another place that takes part.
    #[must_use]
    pub fn also(mut self, at: Span, what: impl Into<String>) -> Self {
        self.also.push((at, what.into()));
        self
    }
}

/// Who asked for a file that is not one of the project's own.
#[derive(Debug, Clone)]
pub struct Brought {
    /// Where it is named.
    pub at: Span,
    /// How, for messages: `included` or `extended by service …`.
    pub how: String,
}

/// `Result` of a pass; several problems when it could look further after the first.
pub type Checked<T> = Result<T, Vec<Problem>>;

/// Most problems that are kept; of more, only the number is.
pub const MOST: usize = 1_000;

/// Adds a problem, unless there are very many: a file of megabytes may have one in every byte.
pub fn tell(problems: &mut Vec<Problem>, problem: Problem) {
    if problems.len() < MOST {
        problems.push(problem);
    }
}

/// What a pass that looked at everything answers.
pub fn all_right(problems: Vec<Problem>) -> Checked<()> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Gives up with one problem.
pub fn fail<T>(at: Span, message: impl Into<String>) -> Checked<T> {
    Err(vec![Problem::new(at, message)])
}
