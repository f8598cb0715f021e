//! The shape of a scheduler call: the type is known and its member is there.

use wire::mesos::v1::scheduler::{Call, call};

/// Why a call makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCall {
    /// A member is missing.
    #[error("Expecting '{0}' to be present")]
    Missing(&'static str),
    /// The framework's id stands twice and differently.
    #[error("'framework_id' differs from '{0}.framework_info.id'")]
    OtherId(&'static str),
    /// The identity of an update is not 16 bytes of a UUID.
    #[error("Not a valid UUID")]
    Uuid,
}

/// Checks a call before it reaches the state machine.
///
/// # Errors
/// When the type or the member it needs is missing, or ids do not fit.
pub fn call(call: &Call) -> Result<(), InvalidCall> {
    if call.r#type.is_none() {
        return Err(InvalidCall::Missing("type"));
    }
    let id = call.framework_id.as_ref().filter(|id| !id.value.is_empty());
    if call.r#type() == call::Type::Subscribe {
        let subscribe = call.subscribe.as_ref().ok_or(InvalidCall::Missing("subscribe"))?;
        return check_ids(id, &subscribe.framework_info, "subscribe");
    }
    if id.is_none() {
        return Err(InvalidCall::Missing("framework_id"));
    }
    check_member(call)?;
    if let Some(acknowledge) = &call.acknowledge
        && call.r#type() == call::Type::Acknowledge
    {
        return check_uuid(&acknowledge.uuid);
    }
    if let Some(update) = &call.update_framework
        && call.r#type() == call::Type::UpdateFramework
    {
        return check_ids(id, &update.framework_info, "update_framework");
    }
    Ok(())
}

fn check_ids(
    id: Option<&wire::mesos::v1::FrameworkId>,
    info: &wire::mesos::v1::FrameworkInfo,
    member: &'static str,
) -> Result<(), InvalidCall> {
    let inner = info.id.as_ref().filter(|id| !id.value.is_empty());
    if inner == id { Ok(()) } else { Err(InvalidCall::OtherId(member)) }
}

fn check_member(call: &Call) -> Result<(), InvalidCall> {
    let (is_there, member) = match call.r#type() {
        call::Type::Accept => (call.accept.is_some(), "accept"),
        call::Type::Decline => (call.decline.is_some(), "decline"),
        call::Type::AcceptInverseOffers => {
            (call.accept_inverse_offers.is_some(), "accept_inverse_offers")
        }
        call::Type::DeclineInverseOffers => {
            (call.decline_inverse_offers.is_some(), "decline_inverse_offers")
        }
        call::Type::Kill => (call.kill.is_some(), "kill"),
        call::Type::Shutdown => (call.shutdown.is_some(), "shutdown"),
        call::Type::Acknowledge => (call.acknowledge.is_some(), "acknowledge"),
        call::Type::AcknowledgeOperationStatus => {
            (call.acknowledge_operation_status.is_some(), "acknowledge_operation_status")
        }
        call::Type::Reconcile => (call.reconcile.is_some(), "reconcile"),
        call::Type::ReconcileOperations => {
            (call.reconcile_operations.is_some(), "reconcile_operations")
        }
        call::Type::Message => (call.message.is_some(), "message"),
        call::Type::Request => (call.request.is_some(), "request"),
        call::Type::UpdateFramework => (call.update_framework.is_some(), "update_framework"),
        // The members of REVIVE and SUPPRESS are optional, TEARDOWN has none.
        call::Type::Unknown
        | call::Type::Subscribe
        | call::Type::Teardown
        | call::Type::Revive
        | call::Type::Suppress => (true, ""),
    };
    if is_there { Ok(()) } else { Err(InvalidCall::Missing(member)) }
}

/// A UUID of 16 bytes whose version is one of those that exist.
fn check_uuid(uuid: &[u8]) -> Result<(), InvalidCall> {
    let is_valid = uuid.len() == 16 && (1..=5).contains(&(uuid[6] >> 4));
    if is_valid { Ok(()) } else { Err(InvalidCall::Uuid) }
}

#[cfg(test)]
mod tests {
    use wire::mesos::v1::{FrameworkId, FrameworkInfo};

    use super::*;

    fn id(text: &str) -> Option<FrameworkId> {
        Some(FrameworkId { value: text.into() })
    }

    fn of(r#type: call::Type) -> Call {
        Call { framework_id: id("F"), r#type: Some(r#type.into()), ..Call::default() }
    }

    fn problem(call_: &Call) -> String {
        call(call_).unwrap_err().to_string()
    }

    #[test]
    fn a_call_without_its_member_is_refused_with_its_name() {
        for (r#type, member) in [
            (call::Type::Accept, "accept"),
            (call::Type::Decline, "decline"),
            (call::Type::Kill, "kill"),
            (call::Type::Acknowledge, "acknowledge"),
            (call::Type::Reconcile, "reconcile"),
            (call::Type::Message, "message"),
            (call::Type::Request, "request"),
            (call::Type::Shutdown, "shutdown"),
            (call::Type::UpdateFramework, "update_framework"),
        ] {
            assert_eq!(problem(&of(r#type)), format!("Expecting '{member}' to be present"));
        }
        assert_eq!(problem(&Call::default()), "Expecting 'type' to be present");
    }

    #[test]
    fn revive_and_suppress_need_no_member() {
        for r#type in [call::Type::Revive, call::Type::Suppress, call::Type::Teardown] {
            assert_eq!(call(&of(r#type)), Ok(()));
        }
    }

    #[test]
    fn only_a_subscription_may_lack_the_framework() {
        let mut subscribe = of(call::Type::Subscribe);
        subscribe.framework_id = None;
        assert_eq!(problem(&subscribe), "Expecting 'subscribe' to be present");
        subscribe.subscribe = Some(call::Subscribe::default());
        assert_eq!(call(&subscribe), Ok(()));
        let mut revive = of(call::Type::Revive);
        revive.framework_id = None;
        assert_eq!(problem(&revive), "Expecting 'framework_id' to be present");
    }

    #[test]
    fn both_ids_of_a_subscription_are_the_same() {
        let mut subscribe = of(call::Type::Subscribe);
        let framework_info = FrameworkInfo { id: id("G"), ..FrameworkInfo::default() };
        subscribe.subscribe = Some(call::Subscribe { framework_info, ..Default::default() });
        assert_eq!(
            problem(&subscribe),
            "'framework_id' differs from 'subscribe.framework_info.id'"
        );
        subscribe.framework_id = id("G");
        assert_eq!(call(&subscribe), Ok(()));
    }

    #[test]
    fn an_acknowledgement_names_a_real_uuid() {
        let mut acknowledge = of(call::Type::Acknowledge);
        let mut uuid = [7; 16];
        uuid[6] = 0x40;
        for (bytes, is_valid) in [(&uuid[..], true), (&uuid[..15], false), (&[0xf0; 16], false)] {
            acknowledge.acknowledge = Some(call::Acknowledge {
                uuid: bytes.to_vec().into(),
                ..call::Acknowledge::default()
            });
            assert_eq!(call(&acknowledge).is_ok(), is_valid);
        }
    }
}
