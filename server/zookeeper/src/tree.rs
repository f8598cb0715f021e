//! The tree of znodes, in a persistent map from path to node.
//!
//! Invariants: the root exists; every other node's parent exists and lists it; an ephemeral node has no
//! children and is listed under its session. An operation checks everything before it changes anything.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use model::Timestamp;

use crate::path::{name, parent, validate};
use crate::{CreateMode, ErrorCode, Operation, OperationResult, SessionId, Znode, Zxid};

mod stored;

/// Who changes the tree, in which entry, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) session: SessionId,
    pub(crate) zxid: Zxid,
    pub(crate) time: Timestamp,
}

/// All znodes of a namespace. A clone is a snapshot and costs O(1).
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: OrdMap<Arc<str>, Arc<Znode>>,
    ephemerals: OrdMap<SessionId, OrdSet<Arc<str>>>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: OrdMap::unit("/".into(), Arc::default()), ephemerals: OrdMap::new() }
    }
}

impl Tree {
    /// The node at `path`.
    pub fn get(&self, path: &str) -> Option<&Znode> {
        self.nodes.get(path).map(Arc::as_ref)
    }

    /// Number of nodes, the root included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing but the root is there.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// All nodes with their paths, in order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Znode)> {
        self.nodes.iter().map(|(path, node)| (&**path, &**node))
    }

    /// The node at `prefix` and all below it, in order of their paths; `/mesos` does not cover `/mesos2`.
    pub fn under<'a>(
        &'a self,
        prefix: &str,
    ) -> impl Iterator<Item = (&'a str, &'a Znode)> + use<'a> {
        let prefix = prefix.trim_end_matches('/');
        let itself = if prefix.is_empty() { "/" } else { prefix };
        // `0` is the character after `/`, so this range is exactly what begins with `prefix/`.
        let from: Arc<str> = format!("{prefix}/").into();
        let to: Arc<str> = format!("{prefix}0").into();
        let below = self.nodes.range((Bound::Included(from), Bound::Excluded(to)));
        let below = below.filter(|(path, _)| path.len() > 1);
        let itself = self.nodes.get_key_value(itself);
        itself.into_iter().chain(below).map(|(path, node)| (&**path, &**node))
    }

    /// The ephemeral nodes of a session, in order of their paths.
    pub fn ephemerals(&self, session: SessionId) -> impl Iterator<Item = &str> {
        self.ephemerals.get(&session).into_iter().flatten().map(|path| &**path)
    }

    /// Whether both are the same snapshot, so that nothing changed between them. May say no for equal trees.
    pub fn is_same(&self, other: &Self) -> bool {
        self.nodes.ptr_eq(&other.nodes)
    }

    /// Does one operation.
    pub(crate) fn perform(
        &mut self,
        stamp: Stamp,
        operation: &Operation,
    ) -> Result<OperationResult, ErrorCode> {
        match operation {
            Operation::Create { path, data, mode } => self.create(stamp, path, data, *mode),
            Operation::Delete { path, version } => self.delete(stamp.zxid, path, *version),
            Operation::SetData { path, data, version } => {
                self.set_data(stamp, path, data, *version)
            }
            Operation::Check { path, version } => {
                validate(path)?;
                self.existing(path, *version).map(|_| OperationResult::Checked)
            }
        }
    }

    fn existing(&self, path: &str, version: Option<i32>) -> Result<&Znode, ErrorCode> {
        let node = self.get(path).ok_or(ErrorCode::NoNode)?;
        if version.is_some_and(|version| version != node.version) {
            return Err(ErrorCode::BadVersion);
        }
        Ok(node)
    }

    fn create(
        &mut self,
        stamp: Stamp,
        path: &str,
        data: &Bytes,
        mode: CreateMode,
    ) -> Result<OperationResult, ErrorCode> {
        if path == "/" && !mode.is_sequential() {
            return Err(ErrorCode::NodeExists);
        }
        // A sequential path may end with `/`: the number alone is then the name.
        let slash = path.rfind('/').ok_or(ErrorCode::BadArguments)?;
        let parent_path = if slash == 0 { "/" } else { &path[..slash] };
        let parent = self.get(parent_path).ok_or(ErrorCode::NoNode)?;
        let path: Arc<str> = if mode.is_sequential() {
            format!("{path}{:010}", parent.creates).into()
        } else {
            path.into()
        };
        validate(&path)?;
        if self.nodes.contains_key(&path) {
            return Err(ErrorCode::NodeExists);
        }
        if parent.ephemeral_owner.is_some() {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let node = Znode {
            data: data.clone(),
            czxid: stamp.zxid,
            mzxid: stamp.zxid,
            pzxid: stamp.zxid,
            ctime: stamp.time,
            mtime: stamp.time,
            ephemeral_owner: mode.is_ephemeral().then_some(stamp.session),
            ..Znode::default()
        };
        let stat = node.stat();
        self.update_parent(&path, |parent, name| {
            parent.children.insert(name.into());
            parent.creates = parent.creates.wrapping_add(1);
            parent.pzxid = stamp.zxid;
        });
        if mode.is_ephemeral() {
            self.ephemerals.entry(stamp.session).or_default().insert(Arc::clone(&path));
        }
        self.nodes.insert(Arc::clone(&path), Arc::new(node));
        Ok(OperationResult::Created { path, stat })
    }

    fn delete(
        &mut self,
        zxid: Zxid,
        path: &str,
        version: Option<i32>,
    ) -> Result<OperationResult, ErrorCode> {
        if path == "/" || !path.contains('/') {
            return Err(ErrorCode::BadArguments);
        }
        let node = self.existing(path, version)?;
        if !node.children.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        if let Some(session) = node.ephemeral_owner {
            self.forget_ephemeral(session, path);
        }
        self.remove(zxid, path);
        Ok(OperationResult::Deleted)
    }

    fn set_data(
        &mut self,
        stamp: Stamp,
        path: &str,
        data: &Bytes,
        version: Option<i32>,
    ) -> Result<OperationResult, ErrorCode> {
        validate(path)?;
        self.existing(path, version)?;
        let Some(node) = self.nodes.get_mut(path) else { return Err(ErrorCode::NoNode) };
        let node = Arc::make_mut(node);
        node.data = data.clone();
        node.version = node.version.wrapping_add(1);
        node.mzxid = stamp.zxid;
        node.mtime = stamp.time;
        Ok(OperationResult::Set { stat: node.stat() })
    }

    /// Deletes every ephemeral node of a session that ends; their paths, in order.
    pub(crate) fn end_session(&mut self, zxid: Zxid, session: SessionId) -> OrdSet<Arc<str>> {
        let paths = self.ephemerals.remove(&session).unwrap_or_default();
        for path in &paths {
            self.remove(zxid, path);
        }
        paths
    }

    fn forget_ephemeral(&mut self, session: SessionId, path: &str) {
        if let Some(paths) = self.ephemerals.get_mut(&session) {
            paths.remove(path);
            if paths.is_empty() {
                self.ephemerals.remove(&session);
            }
        }
    }

    fn remove(&mut self, zxid: Zxid, path: &str) {
        self.nodes.remove(path);
        self.update_parent(path, |parent, name| {
            parent.children.remove(name);
            parent.pzxid = zxid;
        });
    }

    fn update_parent(&mut self, path: &str, update: impl FnOnce(&mut Znode, &str)) {
        let node = parent(path).and_then(|parent| self.nodes.get_mut(parent));
        debug_assert!(node.is_some(), "`{path}` has a parent");
        if let Some(node) = node {
            update(Arc::make_mut(node), name(path));
        }
    }
}
