//! Agents: admission, links, loss and return.
//!
//! An agent is in exactly one of `registered`, `recovered`, `unreachable` and `gone`, and each of these is
//! durable before anybody hears of it.

mod link;
mod lost;
mod register;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use model::{AgentId, FrameworkId, OfferId, Resources, TaskId, Timestamp};
use wire::link::AgentDescription;
use wire::mesos::v1::{Address, AgentInfo, KillPolicy};

use crate::command::LinkId;
use crate::record::{AgentRecord, Standing};

pub(crate) use self::register::with_id;

/// A machine that runs tasks, known to this leadership.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// What it says about itself.
    pub description: Arc<AgentDescription>,
    /// Its connection; `None` when that is closed and the time to come back runs.
    pub link: Option<LinkId>,
    /// When it registered with this leadership.
    pub registered_at: Timestamp,
    /// When it last came back.
    pub reregistered_at: Option<Timestamp>,
    /// When it was first admitted.
    pub admitted_at: Timestamp,
    /// Since when it has not been connected.
    pub disconnected_at: Option<Timestamp>,
    /// Everything it has.
    pub total: Resources,
    /// What tasks hold.
    pub used: Resources,
    /// What frameworks have on offer.
    pub offered: Resources,
    /// Its tasks that have not ended or wait for their last acknowledgement.
    pub tasks: OrdSet<(FrameworkId, TaskId)>,
    /// Its offers.
    pub offers: OrdSet<OfferId>,
    /// What it chose at its first registration.
    pub(crate) nonce: Bytes,
}

impl Agent {
    /// What it says about its machine.
    pub fn info(&self) -> &AgentInfo {
        &self.description.info
    }

    /// Where its HTTP API listens.
    pub fn address(&self) -> &Address {
        &self.description.address
    }

    /// The host name that it gives.
    pub fn hostname(&self) -> &str {
        &self.description.info.hostname
    }

    /// The port of its HTTP API.
    pub fn port(&self) -> i32 {
        self.description.address.port
    }

    /// The IP address of its HTTP API, or its host name where it gives none.
    pub fn ip(&self) -> &str {
        self.description.address.ip.as_deref().unwrap_or(&self.description.info.hostname)
    }

    /// The address that clients of the original take apart: `slave(1)@10.0.0.21:5051`.
    pub fn pid(&self) -> String {
        format!("slave(1)@{}:{}", self.ip(), self.port())
    }

    /// Whether its link is open.
    pub const fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// What neither a task nor an offer holds.
    pub fn free(&self) -> Resources {
        let rest = self.total.checked_sub(&self.used);
        rest.and_then(|rest| rest.checked_sub(&self.offered)).unwrap_or_default()
    }

    pub(crate) fn record(&self, standing: Standing) -> AgentRecord {
        AgentRecord {
            id: self.id.clone(),
            description: (*self.description).clone(),
            nonce: self.nonce.clone(),
            admitted_at: self.admitted_at,
            standing,
        }
    }
}

/// An agent that was given up.
#[derive(Debug, Clone)]
pub struct UnreachableAgent {
    /// What is stored of it.
    pub record: AgentRecord,
    /// When it was given up.
    pub since: Timestamp,
}

/// How an agent answers pings; not for readers, since it changes all the time.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    unanswered: u32,
    sequence: u64,
}

/// A kill that waits until the agent that may have the task is back.
#[derive(Debug)]
pub(crate) struct WaitingKill {
    /// The agent that the kill names.
    pub(crate) agent: Option<AgentId>,
    pub(crate) policy: Option<KillPolicy>,
}

/// All agents.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    pub(crate) registered: OrdMap<AgentId, Arc<Agent>>,
    pub(crate) recovered: OrdMap<AgentId, Arc<AgentRecord>>,
    pub(crate) unreachable: OrdMap<AgentId, Arc<UnreachableAgent>>,
    pub(crate) gone: BTreeSet<AgentId>,
    pub(crate) waiting_kills: BTreeMap<(FrameworkId, TaskId), WaitingKill>,
    by_link: BTreeMap<LinkId, AgentId>,
    by_nonce: BTreeMap<Bytes, AgentId>,
    by_address: BTreeMap<(String, i32), AgentId>,
    liveness: BTreeMap<AgentId, Liveness>,
    /// The newest link of each registered agent, open or not.
    last_links: BTreeMap<AgentId, LinkId>,
    /// Unreachable agents, oldest first, to forget those over the limit.
    unreachable_since: BTreeSet<(Timestamp, AgentId)>,
    /// Tasks that went away with an unreachable agent, by agent.
    pub(crate) tasks_away: BTreeMap<AgentId, BTreeSet<(FrameworkId, TaskId)>>,
    is_forgetting_armed: bool,
}

impl Agents {
    /// The agent that chose this at its first registration.
    pub(crate) fn id_of_nonce(&self, nonce: &Bytes) -> Option<AgentId> {
        self.by_nonce.get(nonce).cloned()
    }

    /// The registered agent at this address.
    pub(crate) fn at_address(&self, address: &(String, i32)) -> Option<&AgentId> {
        self.by_address.get(address)
    }

    pub(crate) fn get(&self, id: &AgentId) -> Option<&Arc<Agent>> {
        self.registered.get(id)
    }

    /// The agent, to be changed; readers keep the picture they have.
    pub(crate) fn get_mut(&mut self, id: &AgentId) -> Option<&mut Agent> {
        self.registered.get_mut(id).map(Arc::make_mut)
    }

    /// The agent at the other end of a link, while it is the agent's current one.
    pub(crate) fn of_link(&self, link: LinkId) -> Option<&Arc<Agent>> {
        let agent = self.registered.get(self.by_link.get(&link)?)?;
        (agent.link == Some(link)).then_some(agent)
    }

    fn last_link(&self, id: &AgentId) -> Option<LinkId> {
        self.last_links.get(id).copied()
    }

    pub(crate) fn address(description: &AgentDescription) -> (String, i32) {
        let ip = description.address.ip.clone();
        (ip.unwrap_or_else(|| description.info.hostname.clone()), description.address.port)
    }

    /// Takes an agent of an earlier leadership in, by its record.
    pub(crate) fn recover(&mut self, record: AgentRecord) {
        self.know_nonce(&record.nonce, &record.id);
        match record.standing {
            Standing::Admitted => {
                self.recovered.insert(record.id.clone(), Arc::new(record));
            }
            Standing::Unreachable(since) => self.put_unreachable(record, since),
            Standing::Gone(_) => {
                self.gone.insert(record.id);
            }
        }
    }

    /// An agent of a lost registry brings no nonce; none is nobody's.
    fn know_nonce(&mut self, nonce: &Bytes, id: &AgentId) {
        if !nonce.is_empty() {
            self.by_nonce.insert(nonce.clone(), id.clone());
        }
    }

    /// Whether an agent of this id was ever admitted, as far as the records reach back.
    fn is_known(&self, id: &AgentId) -> bool {
        self.registered.contains_key(id)
            || self.recovered.contains_key(id)
            || self.unreachable.contains_key(id)
            || self.gone.contains(id)
    }

    fn put_unreachable(&mut self, record: AgentRecord, since: Timestamp) {
        self.unreachable_since.insert((since, record.id.clone()));
        self.unreachable.insert(record.id.clone(), Arc::new(UnreachableAgent { record, since }));
    }

    fn take_unreachable(&mut self, id: &AgentId) -> Option<Arc<UnreachableAgent>> {
        let agent = self.unreachable.remove(id)?;
        self.unreachable_since.remove(&(agent.since, id.clone()));
        Some(agent)
    }
}
