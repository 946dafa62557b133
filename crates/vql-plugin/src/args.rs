//! The arguments of a call, and the declaration of those that a plugin takes.

use std::sync::Arc;

use rows::{Dict, Name, Value};
use smallvec::SmallVec;

use crate::{ArgContext, ArgSpec, ArgType, Scope};

/// The arguments of one call, by name, in the order written.
#[derive(Clone, Debug, Default)]
pub struct CallArgs {
    /// Shared between all calls from one place.
    names: Arc<[Name]>,
    /// As many as there are names.
    values: SmallVec<[Value; 4]>,
}

impl CallArgs {
    /// Arguments of a call.
    pub fn new(args: Vec<(Name, Value)>) -> Self {
        let (names, values): (Vec<_>, SmallVec<_>) = args.into_iter().unzip();
        Self { names: names.into(), values }
    }

    /// Arguments of a call whose names are known beforehand; as many values as names.
    pub fn of(names: &Arc<[Name]>, values: impl Iterator<Item = Value>) -> Self {
        let mut values: SmallVec<_> = values.take(names.len()).collect();
        values.resize(names.len(), Value::Null);
        Self { names: names.clone(), values }
    }

    /// The argument of that name; the last one when it was written twice.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(self.names.iter().rposition(|known| known.is(name))?)
    }

    /// Names and values, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Value)> {
        self.names.iter().zip(&self.values)
    }

    /// Names and values, in the order written.
    pub fn into_pairs(self) -> Vec<(Name, Value)> {
        self.names.iter().cloned().zip(self.values).collect()
    }

    /// How many arguments there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The arguments after the keyword spread: a single argument named `**` that holds a dict
    /// stands for the dict's keys.
    #[must_use]
    pub fn spread(self) -> Self {
        match (&self.names[..], &self.values[..]) {
            ([name], [Value::Dict(dict)]) if name.is("**") => Self {
                names: dict.keys().cloned().collect(),
                values: dict.values().cloned().collect(),
            },
            _ => self,
        }
    }

    /// Converts one argument by its type.
    pub fn read<T: ArgType>(&self, name: &'static str, scope: &Scope) -> Result<T, String> {
        self.read_or(name, scope, || {
            T::missing().ok_or_else(|| format!("Field {name} is required"))
        })
    }

    /// Converts one argument by its type; `default` says what it is when it was left out.
    pub fn read_or<T: ArgType>(
        &self,
        name: &'static str,
        scope: &Scope,
        default: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        match self.get(name) {
            Some(value) => T::from_value(value.clone(), &ArgContext { scope, args: self, name }),
            None => default(),
        }
    }

    /// Refuses arguments that are not among those that are declared.
    pub fn refuse_unknown(&self, known: &[&str]) -> Result<(), String> {
        for name in self.names.iter() {
            if !known.iter().any(|known| name.is(known)) {
                return Err(format!("Unexpected arg {name}; the args are {}", known.join(", ")));
            }
        }
        Ok(())
    }
}

/// The arguments that a plugin or function declares. Made by [`plugin_args!`](crate::plugin_args).
pub trait Arguments: Sized {
    /// The name of the plugin or function.
    const NAME: &'static str;
    /// What the plugin or function does.
    const DOC: &'static str;
    /// Whether arguments of any name are taken.
    const FREE_FORM: bool = false;

    /// The declared arguments.
    fn specs() -> Vec<ArgSpec>;

    /// Converts the arguments of a call.
    fn read(args: CallArgs, scope: &Scope) -> Result<Self, String>;
}

/// For functions and plugins that take arguments of any name: implement [`Arguments`] for a
/// newtype of this, or use [`free_args!`](crate::free_args).
#[derive(Clone, Debug, Default)]
pub struct FreeArgs(pub Vec<(Name, Value)>);

impl FreeArgs {
    /// The argument of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(known, _)| &**known == name).map(|(_, value)| value)
    }

    /// The arguments as a dict.
    pub fn into_dict(self) -> Dict {
        self.0.into_iter().collect()
    }
}

/// Declares the arguments of a plugin or function, with their documentation.
///
/// A field is `name: Type` (must be given, unless the type is an `Option`), or
/// `name: Type = default`. `name: Type as "vql name"` gives it another name in VQL, for names
/// that are keywords of Rust. Types are those that implement [`ArgType`].
#[macro_export]
macro_rules! plugin_args {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $Args:ident for $name:literal {
            $(
                $(#[doc = $arg_doc:literal])*
                $arg:ident : $Type:ty $(as $wire:literal)? $(= $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[allow(missing_docs, dead_code, unreachable_pub)]
        $vis struct $Args {
            $($(#[doc = $arg_doc])* pub $arg: $Type,)*
        }

        impl $crate::Arguments for $Args {
            const NAME: &'static str = $name;
            const DOC: &'static str = concat!($($doc, "\n",)*);

            fn specs() -> Vec<$crate::ArgSpec> {
                vec![$(
                    $crate::ArgSpec {
                        name: $crate::plugin_args!(@name $arg $($wire)?),
                        type_name: <$Type as $crate::ArgType>::TYPE,
                        doc: concat!($($arg_doc, "\n",)*),
                        required: $crate::plugin_args!(@required $Type $(, $default)?),
                        default: $crate::plugin_args!(@default $($default)?),
                        lazy: <$Type as $crate::ArgType>::LAZY,
                    },
                )*]
            }

            fn read(
                args: $crate::CallArgs,
                scope: &$crate::Scope,
            ) -> Result<Self, String> {
                let _ = scope;
                let read = Self {
                    $($arg: $crate::plugin_args!(
                        @read args scope $Type, $crate::plugin_args!(@name $arg $($wire)?)
                        $(, $default)?
                    ),)*
                };
                args.refuse_unknown(&[$($crate::plugin_args!(@name $arg $($wire)?)),*])?;
                Ok(read)
            }
        }
    };
    (@name $arg:ident) => { stringify!($arg) };
    (@name $arg:ident $wire:literal) => { $wire };
    (@required $Type:ty) => { <$Type as $crate::ArgType>::REQUIRED };
    (@required $Type:ty, $default:expr) => { false };
    (@default) => { None };
    (@default $default:expr) => { Some(stringify!($default)) };
    (@read $args:ident $scope:ident $Type:ty, $name:expr) => {
        $args.read::<$Type>($name, $scope)?
    };
    (@read $args:ident $scope:ident $Type:ty, $name:expr, $default:expr) => {
        $args.read_or::<$Type>($name, $scope, || Ok(<$Type>::from($default)))?
    };
}

/// Declares a plugin or function that takes arguments of any name.
#[macro_export]
macro_rules! free_args {
    ($(#[doc = $doc:literal])* $vis:vis struct $Args:ident for $name:literal;) => {
        $(#[doc = $doc])*
        #[allow(unreachable_pub)]
        $vis struct $Args(pub $crate::FreeArgs);

        impl $crate::Arguments for $Args {
            const NAME: &'static str = $name;
            const DOC: &'static str = concat!($($doc, "\n",)*);
            const FREE_FORM: bool = true;

            fn specs() -> Vec<$crate::ArgSpec> {
                Vec::new()
            }

            fn read(args: $crate::CallArgs, _scope: &$crate::Scope) -> Result<Self, String> {
                Ok(Self($crate::FreeArgs(args.into_pairs())))
            }
        }
    };
}
