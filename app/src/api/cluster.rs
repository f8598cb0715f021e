//! Questions of the cluster console.

use wire::console::{AgentDetail, AgentRow, Frameworks, Home, ListQuery, Overview, Page};

use super::Pending;
#[cfg(not(feature = "hydrate"))]
use crate::backend::ClusterBackend;

/// The three lists of the home page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HomeQuery {
    /// "Active Tasks"; its keys have no prefix.
    pub active: ListQuery,
    /// "Unreachable Tasks"; keys begin with `u-`.
    pub unreachable: ListQuery,
    /// "Completed Tasks"; keys begin with `c-`.
    pub completed: ListQuery,
}

impl HomeQuery {
    /// Reads all three from a query string.
    pub fn from_query(query: &str) -> Self {
        Self {
            active: ListQuery::from_query(query, ""),
            unreachable: ListQuery::from_query(query, "u-"),
            completed: ListQuery::from_query(query, "c-"),
        }
    }

    /// All three as a query string.
    pub fn to_query(&self) -> String {
        let parts = [
            self.active.to_query(""),
            self.unreachable.to_query("u-"),
            self.completed.to_query("c-"),
        ];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("&")
    }
}

#[cfg(not(feature = "hydrate"))]
mod side {
    use super::{
        AgentDetail, AgentRow, ClusterBackend, Frameworks, Home, HomeQuery, ListQuery, Overview,
        Page, Pending,
    };
    use crate::api::ask;

    pub(super) fn overview() -> Pending<Overview> {
        ask::<dyn ClusterBackend, _, _>(|backend| backend.overview())
    }
    pub(super) fn home(query: HomeQuery) -> Pending<Home> {
        ask::<dyn ClusterBackend, _, _>(move |backend| {
            backend.home(query.active, query.unreachable, query.completed)
        })
    }
    pub(super) fn agents(query: ListQuery) -> Pending<Page<AgentRow>> {
        ask::<dyn ClusterBackend, _, _>(move |backend| backend.agents(query))
    }
    pub(super) fn agent(id: String) -> Pending<AgentDetail> {
        ask::<dyn ClusterBackend, _, _>(move |backend| backend.agent(id))
    }
    pub(super) fn frameworks(query: ListQuery) -> Pending<Frameworks> {
        ask::<dyn ClusterBackend, _, _>(move |backend| backend.frameworks(query))
    }
}

#[cfg(feature = "hydrate")]
mod side {
    use wire::console::escape;

    use super::{
        AgentDetail, AgentRow, Frameworks, Home, HomeQuery, ListQuery, Overview, Page, Pending,
    };
    use crate::api::fetch;

    pub(super) fn overview() -> Pending<Overview> {
        fetch::json("/ui/api/v1/cluster".to_owned())
    }
    pub(super) fn home(query: HomeQuery) -> Pending<Home> {
        fetch::json(format!("/ui/api/v1/home?{}", query.to_query()))
    }
    pub(super) fn agents(query: ListQuery) -> Pending<Page<AgentRow>> {
        fetch::json(format!("/ui/api/v1/agents?{}", query.to_query("")))
    }
    pub(super) fn agent(id: String) -> Pending<AgentDetail> {
        fetch::json(format!("/ui/api/v1/agents/{}", escape(&id)))
    }
    pub(super) fn frameworks(query: ListQuery) -> Pending<Frameworks> {
        fetch::json(format!("/ui/api/v1/frameworks?{}", query.to_query("")))
    }
}

/// The facts beside the tables.
pub fn overview() -> Pending<Overview> {
    side::overview()
}

/// The home page.
pub fn home(query: HomeQuery) -> Pending<Home> {
    side::home(query)
}

/// Agents.
pub fn agents(query: ListQuery) -> Pending<Page<AgentRow>> {
    side::agents(query)
}

/// One agent.
pub fn agent(id: String) -> Pending<AgentDetail> {
    side::agent(id)
}

/// Frameworks.
pub fn frameworks(query: ListQuery) -> Pending<Frameworks> {
    side::frameworks(query)
}
