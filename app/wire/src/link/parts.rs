//! A re-registration that is too long for one frame: cut by the agent, joined by the master.
//!
//! The state machines at both ends know whole re-registrations only. What is joined is what was cut, or an error; never a part of it.

use std::mem;

use prost::Message;
use thiserror::Error;

use super::{AgentFrame, HeldTask, MAX_FRAME, Reregister, ReregisterPart, agent_frame};

/// A frame of up to so many bytes is sent as it is, so that masters that know no parts understand it.
const WHOLE: usize = MAX_FRAME / 2;

/// A part takes no more once it has so many bytes; one task alone may have more.
const PART: usize = 1 << 20;

/// The longest re-registration that is joined, in bytes of its parts.
const LONGEST: usize = 1 << 30;

/// Cuts a re-registration that is too long for one frame into parts, in order; every other frame stays as it is.
pub fn split(frame: AgentFrame) -> Vec<AgentFrame> {
    let (epoch, link) = (frame.epoch, frame.link);
    match frame.body {
        Some(agent_frame::Body::Reregister(told)) if told.encoded_len() > WHOLE => {
            let mut parts = cut(told);
            if let Some(last) = parts.last_mut() {
                last.is_last = true;
            }
            let body = |part| Some(agent_frame::Body::ReregisterPart(part));
            parts.into_iter().map(|part| AgentFrame { epoch, link, body: body(part) }).collect()
        }
        body => vec![AgentFrame { epoch, link, body }],
    }
}

fn cut(told: Reregister) -> Vec<ReregisterPart> {
    let empty = Reregister { agent_id: told.agent_id, agent: told.agent, ..Reregister::default() };
    let fresh = || ReregisterPart { part: empty.clone(), is_last: false };
    let mut parts = vec![fresh()];
    let mut bytes = 0;
    let mut add = |length: usize, put: &mut dyn FnMut(&mut Reregister)| {
        if bytes > 0 && bytes + length > PART {
            parts.push(fresh());
            bytes = 0;
        }
        bytes += length;
        if let Some(last) = parts.last_mut() {
            put(&mut last.part);
        }
    };
    for mut task in told.tasks {
        let length = task.encoded_len();
        add(length, &mut |part| part.tasks.push(mem::take::<HeldTask>(&mut task)));
    }
    for mut framework in told.frameworks {
        let length = framework.encoded_len();
        add(length, &mut |part| part.frameworks.push(mem::take(&mut framework)));
    }
    parts
}

/// Why frames are no parts of one re-registration; the link is worth nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Disjointed {
    /// Another frame stands between two parts.
    #[error("a frame of another kind stands within a re-registration in parts")]
    Interrupted,
    /// Two parts are not of the same agent, or not of the same link.
    #[error("the parts of a re-registration do not belong together")]
    Mixed,
    /// The parts have too many bytes.
    #[error("a re-registration has more than {LONGEST} bytes")]
    TooLong,
}

/// Joins the parts of re-registrations; one for each link.
#[derive(Debug, Default)]
pub struct Joiner {
    begun: Option<Begun>,
}

#[derive(Debug)]
struct Begun {
    epoch: u64,
    link: u64,
    told: Reregister,
    bytes: usize,
}

impl Joiner {
    /// Takes the next frame in; gives a whole one out, once it is there.
    ///
    /// # Errors
    ///
    /// [`Disjointed`] when parts are missing, mixed up or too many.
    pub fn take(&mut self, frame: AgentFrame) -> Result<Option<AgentFrame>, Disjointed> {
        let (epoch, link) = (frame.epoch, frame.link);
        match (frame.body, self.begun.take()) {
            (Some(agent_frame::Body::ReregisterPart(next)), begun) => {
                let bytes = next.encoded_len();
                let (part, is_last) = (next.part, next.is_last);
                let begun = match begun {
                    None => Begun { epoch, link, told: part, bytes },
                    Some(begun) => begun.with(epoch, link, part, bytes)?,
                };
                if begun.bytes > LONGEST {
                    return Err(Disjointed::TooLong);
                }
                if !is_last {
                    self.begun = Some(begun);
                    return Ok(None);
                }
                let body = Some(agent_frame::Body::Reregister(begun.told));
                Ok(Some(AgentFrame { epoch, link, body }))
            }
            (body, None) => Ok(Some(AgentFrame { epoch, link, body })),
            (_, Some(_)) => Err(Disjointed::Interrupted),
        }
    }
}

impl Begun {
    fn with(
        mut self,
        epoch: u64,
        link: u64,
        part: Reregister,
        bytes: usize,
    ) -> Result<Self, Disjointed> {
        if (self.epoch, self.link, &self.told.agent_id) != (epoch, link, &part.agent_id) {
            return Err(Disjointed::Mixed);
        }
        self.told.tasks.extend(part.tasks);
        self.told.frameworks.extend(part.frameworks);
        self.bytes += bytes;
        Ok(self)
    }
}
