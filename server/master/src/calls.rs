//! Scheduler calls other than SUBSCRIBE: who may make them, and who carries them out.

use model::{FrameworkId, RequestId};
use tracing::debug;
use wire::mesos::v1::scheduler::{Call, call};

use crate::command::StreamId;
use crate::effect::{Refusal, Reply};
use crate::master::Master;

impl Master {
    /// Checks that the call comes from the framework's current stream, replies, and carries it out.
    pub(crate) fn call(&mut self, request: RequestId, stream: Option<&StreamId>, call: Call) {
        let id = call.framework_id.as_ref().map(|id| FrameworkId::from(id.value.as_str()));
        let checked = match &id {
            Some(id) => self.check_caller(id, stream).map(|()| id),
            None => Err(Refusal::FrameworkUnknown),
        };
        match checked {
            Ok(id) => {
                debug!(framework.id = %id, "call {:?} of `{id}`", call.r#type());
                self.carry_out(request, id, call);
            }
            Err(refusal) => self.refuse(request, refusal),
        }
    }

    fn check_caller(&self, id: &FrameworkId, stream: Option<&StreamId>) -> Result<(), Refusal> {
        let framework = self.frameworks.get(id).ok_or(Refusal::FrameworkUnknown)?;
        let current = framework.stream().ok_or(Refusal::NotSubscribed)?;
        let stream = stream.ok_or(Refusal::NoStream)?;
        if stream != current {
            let (stream, framework) = (stream.clone(), id.clone());
            return Err(Refusal::OtherStream { stream, framework });
        }
        Ok(())
    }

    fn carry_out(&mut self, request: RequestId, id: &FrameworkId, call: Call) {
        let mut reply = Reply::Accepted;
        match call.r#type() {
            call::Type::Teardown => self.remove_framework(id),
            call::Type::Accept => self.accept(id, call.accept.unwrap_or_default()),
            call::Type::Decline => self.decline(id, &call.decline.unwrap_or_default()),
            call::Type::Revive => self.revive(id, call.revive),
            call::Type::Suppress => self.suppress(id, call.suppress),
            call::Type::Kill => self.kill(id, call.kill.unwrap_or_default()),
            call::Type::Acknowledge => self.acknowledge(id, call.acknowledge.unwrap_or_default()),
            call::Type::Reconcile => self.reconcile(id, &call.reconcile.unwrap_or_default()),
            // Compat: the default allocator of the original ignores requests too.
            call::Type::Request => self.counters.messages_resource_request += 1,
            // Nothing that these answer is ever sent yet, so there is nothing to do either.
            call::Type::AcceptInverseOffers
            | call::Type::DeclineInverseOffers
            | call::Type::AcknowledgeOperationStatus => {}
            call::Type::UpdateFramework => {
                reply = self.update_framework(id, call.update_framework.unwrap_or_default());
            }
            call::Type::Shutdown => reply = not_implemented("SHUTDOWN of custom executors"),
            call::Type::Message => {
                self.counters.messages_framework_to_executor += 1;
                reply = not_implemented("MESSAGE to custom executors");
            }
            call::Type::ReconcileOperations => reply = not_implemented("RECONCILE_OPERATIONS"),
            call::Type::Unknown | call::Type::Subscribe => reply = not_implemented("Call"),
        }
        self.reply(request, reply);
    }
}

const fn not_implemented(what: &'static str) -> Reply {
    Reply::Refused(Refusal::NotImplemented(what))
}
