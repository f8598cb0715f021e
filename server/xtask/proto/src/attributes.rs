//! The serde attributes that give the prost messages the JSON of Mesos.
//!
//! Each field gets a shape (`Required`, `Optional`, `Repeated`, `Mapped`) over a codec (`Text`,
//! `Number`, `Flag`, `Base64`, `Name`, `Object`), both from `wire::json`. Beside that, per package:
//! the enums are registered under their proto names, and each optional field with a schema default
//! gets a writer that emits the default when the field is unset.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_build::Config;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};

/// Optional fields whose default is not emitted: the schema marks them deprecated.
const SILENT_DEFAULTS: [&str; 2] = [".mesos.v1.FrameworkInfo.role", ".mesos.v1.Resource.role"];

/// Adds the attributes for these files; returns code to append, by package.
pub(crate) fn add<'a>(
    config: &mut Config,
    files: impl Iterator<Item = &'a FileDescriptorProto>,
) -> Result<BTreeMap<String, String>> {
    let mut additions = BTreeMap::new();
    for file in files {
        let mut package = Package { config, name: file.package(), enums: vec![], writers: vec![] };
        let scope = format!(".{}", file.package());
        for declared in &file.enum_type {
            package.enumeration(&scope, declared);
        }
        for message in &file.message_type {
            package.message(&scope, message)?;
        }
        additions.insert(file.package().to_owned(), package.into_code());
    }
    Ok(additions)
}

struct Package<'a> {
    config: &'a mut Config,
    name: &'a str,
    /// Rust paths of the package's enums.
    enums: Vec<String>,
    /// Functions that write a field or its default.
    writers: Vec<String>,
}

impl Package<'_> {
    fn enumeration(&mut self, scope: &str, declared: &EnumDescriptorProto) {
        let path = rust_path(&format!("{scope}.{}", declared.name()));
        let module = format!("crate::{}::", self.name.replace('.', "::"));
        self.enums.push(path.strip_prefix(&module).unwrap_or(&path).to_owned());
    }

    fn message(&mut self, scope: &str, message: &DescriptorProto) -> Result<()> {
        let path = format!("{scope}.{}", message.name());
        if message.options.as_ref().is_some_and(|options| options.map_entry()) {
            return Ok(());
        }
        self.config
            .message_attribute(exactly(&path), "#[derive(serde::Serialize, serde::Deserialize)]");
        for declared in &message.enum_type {
            self.enumeration(&path, declared);
        }
        for nested in &message.nested_type {
            self.message(&path, nested)?;
        }
        for (index, oneof) in message.oneof_decl.iter().enumerate() {
            let choice = format!("{path}.{}", oneof.name());
            self.config.field_attribute(exactly(&choice), "#[serde(flatten)]");
            self.config.enum_attribute(
                exactly(&choice),
                "#[derive(serde::Serialize, serde::Deserialize)]\n\
                 #[serde(rename_all = \"snake_case\")]",
            );
            for field in &message.field {
                if field.oneof_index == i32::try_from(index).ok() {
                    let with =
                        format!("#[serde(with = \"{}\")]", shape("Required", &codec(field)?));
                    let path = format!("{choice}.{}", field.name());
                    self.config.field_attribute(exactly(&path), with);
                }
            }
        }
        for field in message.field.iter().filter(|field| field.oneof_index.is_none()) {
            let attribute = self.field(&path, message, field)?;
            let path = format!("{path}.{}", field.name());
            self.config.field_attribute(exactly(&path), attribute);
        }
        Ok(())
    }

    /// The attribute of a field that is in no `oneof`.
    fn field(
        &mut self,
        scope: &str,
        message: &DescriptorProto,
        field: &FieldDescriptorProto,
    ) -> Result<String> {
        let path = format!("{scope}.{}", field.name());
        let arguments = match field.label() {
            Label::Required => format!("with = \"{}\"", shape("Required", &codec(field)?)),
            Label::Repeated => match map_value(message, field)? {
                Some(value) => format!(
                    "default, skip_serializing_if = \"std::collections::BTreeMap::is_empty\", \
                     with = \"{}\"",
                    shape("Mapped", &codec(value)?)
                ),
                None => format!(
                    "default, skip_serializing_if = \"Vec::is_empty\", with = \"{}\"",
                    shape("Repeated", &codec(field)?)
                ),
            },
            Label::Optional
                if field.default_value.is_some() && !SILENT_DEFAULTS.contains(&path.as_str()) =>
            {
                let writer = self.writer(scope, field)?;
                format!(
                    "default, serialize_with = \"{writer}\", deserialize_with = \"{}::deserialize\"",
                    shape("Optional", &codec(field)?)
                )
            }
            Label::Optional => {
                let skip = match field.r#type() {
                    Type::Enum => {
                        format!("crate::json::nameless::<{}>", rust_path(field.type_name()))
                    }
                    _ => "Option::is_none".to_owned(),
                };
                format!(
                    "default, skip_serializing_if = \"{skip}\", with = \"{}\"",
                    shape("Optional", &codec(field)?)
                )
            }
        };
        Ok(format!("#[serde({arguments})]"))
    }

    /// Adds the function that writes this field or its default; returns the function's path.
    fn writer(&mut self, scope: &str, field: &FieldDescriptorProto) -> Result<String> {
        let message = scope.strip_prefix(&format!(".{}.", self.name)).context("foreign message")?;
        let name = format!("{}_{}", message.replace('.', "_").to_snake_case(), field.name());
        let default = field.default_value();
        let (rust, value) = match field.r#type() {
            Type::Double => ("f64", format!("{:?}", default.parse::<f64>()?)),
            Type::Int32 => ("i32", default.to_owned()),
            Type::Uint32 => ("u32", default.to_owned()),
            Type::Bool => ("bool", default.to_owned()),
            Type::Enum => {
                let path = rust_path(field.type_name());
                let declared = path.rsplit("::").next().unwrap_or_default();
                let variant = default.to_upper_camel_case();
                let variant = variant.strip_prefix(declared).unwrap_or(&variant);
                ("i32", format!("{path}::{variant} as i32"))
            }
            other => bail!("no default for a field of type {other:?}: `{scope}.{}`", field.name()),
        };
        let codec = codec(field)?;
        self.writers.push(format!(
            "pub(crate) fn {name}<S: serde::Serializer>(value: &Option<{rust}>, serializer: S) \
             -> Result<S::Ok, S::Error> {{ \
                 <{codec} as crate::json::Codec>::write(&value.unwrap_or({value}), serializer) \
             }}\n"
        ));
        Ok(format!("{}::defaults::{name}", module_path(self.name)))
    }

    fn into_code(self) -> String {
        let mut code = String::new();
        if !self.enums.is_empty() {
            let _ = writeln!(code, "\ncrate::json::named!({});", self.enums.join(", "));
        }
        if !self.writers.is_empty() {
            let _ = writeln!(
                code,
                "\n/// Writers of the optional fields that have a default, which is written when they are \
                 unset.\npub(crate) mod defaults {{\n{}}}",
                self.writers.concat()
            );
        }
        code
    }
}

/// A matcher for this full name alone: with its leading dot it would also match what is inside.
fn exactly(path: &str) -> &str {
    path.strip_prefix('.').unwrap_or(path)
}

fn shape(shape: &str, codec: &str) -> String {
    format!("crate::json::{shape}::<{codec}>")
}

fn codec(field: &FieldDescriptorProto) -> Result<String> {
    let codec = match field.r#type() {
        Type::String => "Text".to_owned(),
        Type::Double => "Number<f64>".to_owned(),
        Type::Int32 => "Number<i32>".to_owned(),
        Type::Int64 => "Number<i64>".to_owned(),
        Type::Uint32 => "Number<u32>".to_owned(),
        Type::Uint64 => "Number<u64>".to_owned(),
        Type::Bool => "Flag".to_owned(),
        Type::Bytes => "Base64".to_owned(),
        Type::Enum => format!("Name<{}>", rust_path(field.type_name())),
        Type::Message => "Object<_>".to_owned(),
        other => bail!("no codec for type {other:?} of `{}`", field.name()),
    };
    Ok(format!("crate::json::{codec}"))
}

/// The value field of a map's entry type, if this field is a map.
fn map_value<'a>(
    message: &'a DescriptorProto,
    field: &FieldDescriptorProto,
) -> Result<Option<&'a FieldDescriptorProto>> {
    let name = field.type_name().rsplit('.').next().unwrap_or_default();
    let entry = message.nested_type.iter().find(|nested| {
        nested.name() == name && nested.options.as_ref().is_some_and(|options| options.map_entry())
    });
    entry
        .map(|entry| entry.field.iter().find(|field| field.name() == "value").context("no value"))
        .transpose()
}

/// `.mesos.v1.TaskStatus.Source` as `crate::mesos::v1::task_status::Source`.
fn rust_path(proto: &str) -> String {
    let (scope, name) = proto.rsplit_once('.').expect("a full name has a dot");
    let modules = scope.split('.').filter(|part| !part.is_empty()).map(ToSnakeCase::to_snake_case);
    format!("crate::{}::{}", modules.collect::<Vec<_>>().join("::"), name.to_upper_camel_case())
}

/// Where the code of a package is: that of `mesos.v1` is re-exported from a module below.
fn module_path(package: &str) -> String {
    let path = format!("crate::{}", package.replace('.', "::"));
    if package == "mesos.v1" { format!("{path}::messages") } else { path }
}
