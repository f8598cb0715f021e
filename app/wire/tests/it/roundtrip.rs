//! What is written as JSON or protobuf reads back as it was, for arbitrary messages.

use std::fmt::Debug;

use proptest::prelude::*;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arbitrary::{call, event, framework_info, offer, task_info, task_status};

/// Checks that both encodings keep the message, and that each leads to the other.
fn survives<M>(message: &M) -> Result<(), TestCaseError>
where
    M: Message + Default + PartialEq + Debug + Serialize + DeserializeOwned,
{
    let json = serde_json::to_string(message).expect("a message can be written");
    let from_json: M = serde_json::from_str(&json).expect("what was written can be read");
    prop_assert_eq!(&from_json, message, "through {}", &json);

    let from_protobuf = M::decode(message.encode_to_vec().as_slice()).expect("protobuf decodes");
    prop_assert_eq!(&from_protobuf, message);
    prop_assert_eq!(serde_json::to_string(&from_protobuf).expect("it can be written"), json);
    prop_assert_eq!(from_json.encode_to_vec(), message.encode_to_vec());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_task_description_survives(message in task_info()) {
        survives(&message)?;
    }

    #[test]
    fn a_task_status_survives(message in task_status()) {
        survives(&message)?;
    }

    #[test]
    fn an_offer_survives(message in offer()) {
        survives(&message)?;
    }

    #[test]
    fn a_framework_description_survives(message in framework_info()) {
        survives(&message)?;
    }

    #[test]
    fn a_call_survives(message in call()) {
        survives(&message)?;
    }

    #[test]
    fn an_event_survives(message in event()) {
        survives(&message)?;
    }
}
