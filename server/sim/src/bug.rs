//! Bugs that the simulator can be told to have, to prove that it finds them.
//!
//! Each one breaks a guarantee that the production drivers give; the cores stay as they are. A run without
//! a bug takes no other path than production does.

/// A broken guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A leader's driver releases the effects of a batch before its writes have committed.
    ReleaseBeforeDurable,
    /// The agent's driver carries effects out first and writes its journal afterwards.
    JournalAfterEngine,
    /// Acknowledgements of terminal updates never leave Marathon's process.
    AcknowledgementDropped,
    /// Epochs on the agent link are not compared, at neither end; nor are leases asked for, which would hide it.
    EpochNotChecked,
    /// The list of tasks that a returning agent reports lacks one.
    IncompleteReregistration,
    /// A leader's writes carry no fence and are applied whoever leads; nor are leases asked for, which would hide it.
    FenceNotChecked,
    /// A process acts without asking whether its lease has ended.
    LeaseNotChecked,
    /// The list of tasks that a returning agent reports lacks what each of them uses.
    ResourcesNotReported,
    /// The engine starts a container again that has ended, as with a restart policy.
    EngineRestarts,
    /// A container's name changes with the process that makes it.
    ContainerRenamed,
    /// A new leader loads the state as it was one change before it was elected.
    LoadsTooEarly,
    /// Orders to end a task never leave Marathon's process.
    KillDropped,
    /// The frames of one link overtake one another.
    LinkReorders,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::ReleaseBeforeDurable,
        Self::JournalAfterEngine,
        Self::AcknowledgementDropped,
        Self::EpochNotChecked,
        Self::IncompleteReregistration,
        Self::FenceNotChecked,
        Self::LeaseNotChecked,
        Self::ResourcesNotReported,
        Self::EngineRestarts,
        Self::ContainerRenamed,
        Self::LoadsTooEarly,
        Self::KillDropped,
        Self::LinkReorders,
    ];
}
