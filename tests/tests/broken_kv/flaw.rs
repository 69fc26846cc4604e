//! What may be wrong with the student's solution.

use std::cell::Cell;

/// Which rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// None: the solution is sound.
    None,
    // ---- answers -----
    /// Whoever waits at an index is answered when something is applied there.
    AnswersByIndex,
    /// A leader answers as soon as it has put an operation into its own log.
    AnswersBeforeCommit,
    /// Who believes to lead reads from its own store.
    ReadsAtLeader,
    /// So does everybody else.
    ReadsAnywhere,
    /// What was proposed once and is not applied yet is not proposed again: not even if it is lost.
    WaitsForever,
    // ---- once -----
    /// What was done before is looked for when a client asks, and not when an entry is applied.
    LooksOnlyWhenAsked,
    /// Only a client's latest operation is known to be done, and not those before it.
    KnowsOnlyTheLatest,
    /// What is done once more is answered with nothing.
    ForgetsAnswers,
    /// A put may be done twice, since the value is the same.
    RepeatsPuts,
    /// What is in the log twice is taken for impossible.
    PanicsOnDuplicate,
    /// An append replaces the value.
    AppendsLikePut,
    // ---- snapshots -----
    /// None is ever taken.
    NeverSnapshots,
    /// Only a leader takes them.
    SnapshotsAsLeader,
    /// Who was served is not in them.
    SavesNoTable,
    /// The latest operation is not in them, and should be.
    SavesTooEarly,
    /// Who was served is not in them as of the latest operation, which is replayed.
    SavesTableTooEarly,
    /// They are said to cover one entry more than they do.
    LabelsTooHigh,
    /// They are said to cover one entry less than they do.
    LabelsTooLow,
    /// That on the disk is not loaded at the start.
    StartsEmpty,
    /// That of a leader is not loaded.
    IgnoresInstalled,
    // ---- clerks -----
    /// What is asked again gets a new number.
    RenamesRetries,
    /// No answer is taken for an answer.
    TakesSilenceForSuccess,
    /// All have the same name.
    SharesIds,
    /// An answer to an earlier operation is taken for one to the present.
    BelievesOldAnswers,
    /// The last of the servers is never asked.
    SkipsOneServer,
    /// If there is no answer, nothing is asked again.
    AsksOnce,
    // ---- the wire -----
    /// Answers are sent as requests.
    RepliesAreRequests,
}

thread_local! {
    /// What is wrong with all that runs on this thread.
    static FLAW: Cell<Flaw> = const { Cell::new(Flaw::None) };
}

impl Flaw {
    /// What is wrong with all that runs on this thread.
    pub fn present() -> Self {
        FLAW.get()
    }

    /// Makes it so.
    pub fn commit(self) {
        FLAW.set(self);
    }
}
