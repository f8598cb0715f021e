//! How resources are written for a reader that may know roles and stacked reservations, or not.

use model::{Resources, Role};
use wire::mesos::v1 as pb;

/// What the reader of resources knows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Form<'a> {
    /// The role they are allocated to, for those who know several roles.
    pub(crate) allocated_to: Option<&'a Role>,
    /// Whether the reader knows stacked reservations and so expects no `role`.
    pub(crate) is_refined: bool,
}

pub(crate) fn write_resources(resources: &Resources, form: Form<'_>) -> Vec<pb::Resource> {
    let mut list = model::v1::resources_to_v1(resources, form.allocated_to);
    for resource in &mut list {
        resource.role = (!form.is_refined).then(|| "*".to_owned());
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_gets_the_form_that_it_knows() {
        let cpu = Resources::parse("cpus:1").unwrap();
        let plain = write_resources(&cpu, Form::default());
        assert_eq!(
            (plain[0].role.as_deref(), plain[0].allocation_info.is_none()),
            (Some("*"), true)
        );
        let role = Role::from("web");
        let refined = write_resources(&cpu, Form { allocated_to: Some(&role), is_refined: true });
        assert_eq!(refined[0].role, None);
        assert_eq!(refined[0].allocation_info.as_ref().unwrap().role.as_deref(), Some("web"));
    }
}
