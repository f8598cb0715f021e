//! Conversions from and to the Mesos v1 protobuf messages, written once for all cores.
//!
//! Inwards they can fail and name what is wrong; outwards they cannot. What the platform does not
//! have yet (reservations, volumes, revocable and shared resources, resource providers) is refused.

use wire::mesos::v1;

use crate::{
    AttributeValue, Attributes, InvalidScalar, Quantity, Ranges, Resources, Role, Scalar, TaskState,
};

/// Why a list of resources was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidResource {
    /// A resource without a name.
    #[error("a resource has no name")]
    NoName,
    /// The value of the resource's type is missing.
    #[error("resource `{0}` has no value of its type")]
    NoValue(String),
    /// A type that no resource has.
    #[error("resource `{0}` is of a type that no resource has")]
    Type(String),
    /// A number that is no quantity.
    #[error("resource `{name}`: {source}")]
    Scalar {
        /// The resource.
        name: String,
        /// What is wrong with it.
        source: InvalidScalar,
    },
    /// A range that ends before it begins.
    #[error("resource `{name}` has the range {begin}-{end}, which ends before it begins")]
    Range {
        /// The resource.
        name: String,
        /// First number.
        begin: u64,
        /// Last number.
        end: u64,
    },
    /// Something that the platform does not have yet.
    #[error("resource `{name}` has {what}, which is not supported yet")]
    Unsupported {
        /// The resource.
        name: String,
        /// What is not supported.
        what: &'static str,
    },
    /// Two entries of one name that cannot be added.
    #[error("resource `{0}` stands twice and its amounts cannot be added")]
    Twice(String),
}

/// Adds up a list of unreserved resources.
///
/// # Errors
/// When an entry is malformed, reserved, shared, revocable, part of a volume, or overlaps another.
pub fn resources_from_v1(list: &[v1::Resource]) -> Result<Resources, InvalidResource> {
    let mut sum = Resources::new();
    for resource in list {
        let one = Resources::new().with(&resource.name, quantity(resource)?);
        sum = sum.checked_add(&one).ok_or_else(|| InvalidResource::Twice(resource.name.clone()))?;
    }
    Ok(sum)
}

fn quantity(resource: &v1::Resource) -> Result<Quantity, InvalidResource> {
    let name = || resource.name.clone();
    if resource.name.is_empty() {
        return Err(InvalidResource::NoName);
    }
    if let Some(what) = unsupported(resource) {
        return Err(InvalidResource::Unsupported { name: name(), what });
    }
    let missing = || InvalidResource::NoValue(name());
    match v1::value::Type::try_from(resource.r#type) {
        Ok(v1::value::Type::Scalar) => {
            let value = resource.scalar.as_ref().ok_or_else(missing)?.value;
            let scalar = Scalar::from_f64(value)
                .map_err(|source| InvalidResource::Scalar { name: name(), source })?;
            Ok(Quantity::Scalar(scalar))
        }
        Ok(v1::value::Type::Ranges) => {
            let ranges = &resource.ranges.as_ref().ok_or_else(missing)?.range;
            if let Some(bad) = ranges.iter().find(|range| range.begin > range.end) {
                let (begin, end) = (bad.begin, bad.end);
                return Err(InvalidResource::Range { name: name(), begin, end });
            }
            Ok(Quantity::Ranges(Ranges::from_pairs(ranges.iter().map(|r| (r.begin, r.end)))))
        }
        Ok(v1::value::Type::Set) => {
            let items = &resource.set.as_ref().ok_or_else(missing)?.item;
            Ok(Quantity::Set(items.iter().cloned().collect()))
        }
        Ok(v1::value::Type::Text) | Err(_) => Err(InvalidResource::Type(name())),
    }
}

fn unsupported(resource: &v1::Resource) -> Option<&'static str> {
    let reserved = resource.role.as_ref().is_some_and(|role| role != "*");
    [
        (
            reserved || resource.reservation.is_some() || !resource.reservations.is_empty(),
            "a reservation",
        ),
        (resource.disk.is_some(), "disk information"),
        (resource.revocable.is_some(), "the mark `revocable`"),
        (resource.shared.is_some(), "the mark `shared`"),
        (resource.provider_id.is_some(), "a resource provider"),
    ]
    .into_iter()
    .find_map(|(present, what)| present.then_some(what))
}

/// Writes resources as a list, each entry allocated to `allocated_to` when given.
pub fn resources_to_v1(resources: &Resources, allocated_to: Option<&Role>) -> Vec<v1::Resource> {
    let allocation_info = allocated_to
        .map(|role| v1::resource::AllocationInfo { role: Some(role.as_str().to_owned()) });
    resources
        .iter()
        .map(|(name, quantity)| {
            let mut resource = v1::Resource {
                name: name.to_owned(),
                allocation_info: allocation_info.clone(),
                ..v1::Resource::default()
            };
            match quantity {
                Quantity::Scalar(scalar) => {
                    resource.r#type = v1::value::Type::Scalar.into();
                    resource.scalar = Some(v1::value::Scalar { value: scalar.to_f64() });
                }
                Quantity::Ranges(ranges) => {
                    resource.r#type = v1::value::Type::Ranges.into();
                    resource.ranges = Some(ranges_to_v1(ranges));
                }
                Quantity::Set(items) => {
                    resource.r#type = v1::value::Type::Set.into();
                    resource.set = Some(v1::value::Set { item: items.iter().cloned().collect() });
                }
            }
            resource
        })
        .collect()
}

fn ranges_to_v1(ranges: &Ranges) -> v1::value::Ranges {
    let range = ranges.pairs().map(|(begin, end)| v1::value::Range { begin, end });
    v1::value::Ranges { range: range.collect() }
}

/// Reads attributes; an entry whose value is missing or no quantity is left out.
pub fn attributes_from_v1(list: &[v1::Attribute]) -> Attributes {
    let mut attributes = Attributes::default();
    for attribute in list {
        if let Some(value) = attribute_value(attribute) {
            attributes.push(attribute.name.clone(), value);
        }
    }
    attributes
}

fn attribute_value(attribute: &v1::Attribute) -> Option<AttributeValue> {
    if let Some(text) = &attribute.text {
        return Some(AttributeValue::Text(text.value.clone()));
    }
    if let Some(scalar) = &attribute.scalar {
        return Scalar::from_f64(scalar.value).ok().map(AttributeValue::Scalar);
    }
    let ranges = attribute.ranges.as_ref()?.range.iter().map(|range| (range.begin, range.end));
    Some(AttributeValue::Ranges(Ranges::from_pairs(ranges)))
}

/// Writes attributes in their order.
pub fn attributes_to_v1(attributes: &Attributes) -> Vec<v1::Attribute> {
    attributes
        .iter()
        .map(|(name, value)| {
            let mut attribute = v1::Attribute { name: name.to_owned(), ..v1::Attribute::default() };
            match value {
                AttributeValue::Scalar(scalar) => {
                    attribute.r#type = v1::value::Type::Scalar.into();
                    attribute.scalar = Some(v1::value::Scalar { value: scalar.to_f64() });
                }
                AttributeValue::Ranges(ranges) => {
                    attribute.r#type = v1::value::Type::Ranges.into();
                    attribute.ranges = Some(ranges_to_v1(ranges));
                }
                AttributeValue::Text(text) => {
                    attribute.r#type = v1::value::Type::Text.into();
                    attribute.text = Some(v1::value::Text { value: text.clone() });
                }
            }
            attribute
        })
        .collect()
}

impl From<TaskState> for v1::TaskState {
    fn from(state: TaskState) -> Self {
        Self::try_from(state.number()).expect("both enums have the numbers of mesos.md §1.3")
    }
}

impl From<v1::TaskState> for TaskState {
    fn from(state: v1::TaskState) -> Self {
        Self::from_number(state.into()).expect("both enums have the numbers of mesos.md §1.3")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Resources {
        Resources::parse("cpus:0.2;mem:32;ports:[31000-31005,31010-31010];x:{a,b}").unwrap()
    }

    #[test]
    fn resources_come_back_as_they_went() {
        let list = resources_to_v1(&sample(), Some(&Role::any()));
        assert_eq!(resources_from_v1(&list).unwrap(), sample());
        assert!(list.iter().all(|r| r.allocation_info.as_ref().unwrap().role() == "*"));
    }

    #[test]
    fn what_cannot_be_kept_is_refused_by_name() {
        let mut list = resources_to_v1(&sample(), None);
        list[0].role = Some("web".into());
        let error = resources_from_v1(&list).unwrap_err();
        assert_eq!(
            error.to_string(),
            "resource `cpus` has a reservation, which is not supported yet"
        );
        let mut list = resources_to_v1(&sample(), None);
        list[0].scalar = Some(v1::value::Scalar { value: -1.0 });
        assert!(matches!(resources_from_v1(&list), Err(InvalidResource::Scalar { .. })));
        list[0].scalar = None;
        assert!(matches!(resources_from_v1(&list), Err(InvalidResource::NoValue(_))));
    }

    #[test]
    fn attributes_come_back_as_they_went() {
        let attributes = Attributes::parse("rack:abc;level:10;keys:[1000-1500]").unwrap();
        assert_eq!(attributes_from_v1(&attributes_to_v1(&attributes)), attributes);
    }

    #[test]
    fn every_task_state_has_its_message() {
        for state in TaskState::ALL {
            assert_eq!(TaskState::from(v1::TaskState::from(state)), state);
            assert_eq!(v1::TaskState::from(state).as_str_name(), state.name());
        }
    }
}
