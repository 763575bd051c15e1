//! `#[processor(KIND)]`: makes a parameter struct the processor of a component.
//!
//! It embeds `descriptor.json` and, on wasm32, exports the contract's world and hands each call to
//! `millrace_sdk::component`. It holds no logic of its own.

mod component;

use proc_macro::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, ItemStruct, LitStr, Token, parse_macro_input};

use crate::component::World;

/// Makes the struct below it the processor of this crate.
///
/// `#[processor(split)]`, and likewise `fit_split`, `transform`, `fit_transform`, `aggregate`: the
/// world of the contract that the component implements. The struct has to implement
/// `millrace_sdk::Processor` and the traits of its kind. The descriptor is read from
/// `descriptor.json` beside the crate's `Cargo.toml`, or from the path in
/// `#[processor(split, descriptor = "some/where.json")]`. One crate has one processor.
#[proc_macro_attribute]
pub fn processor(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let item = parse_macro_input!(item as ItemStruct);
    let name = &item.ident;
    let path = format!("/{}", arguments.descriptor);
    let file = quote!(concat!(env!("CARGO_MANIFEST_DIR"), #path));
    let component = component::expand(arguments.world, name, &file);
    quote! {
        #item

        impl ::millrace_sdk::Described for #name {
            const DESCRIPTOR: &'static str = include_str!(#file);
        }

        #component
    }
    .into()
}

/// What stands in the attribute's parentheses.
struct Arguments {
    world: World,
    descriptor: String,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let kind: Ident = input.parse()?;
        let world = World::from_ident(&kind)?;
        let descriptor = match input.parse::<Option<Token![,]>>()? {
            Some(_) if !input.is_empty() => parse_descriptor(input)?,
            _ => "descriptor.json".to_owned(),
        };
        Ok(Self { world, descriptor })
    }
}

fn parse_descriptor(input: ParseStream<'_>) -> syn::Result<String> {
    let key: Ident = input.parse()?;
    if key != "descriptor" {
        return Err(syn::Error::new(key.span(), "expected `descriptor = \"path\"`"));
    }
    input.parse::<Token![=]>()?;
    Ok(input.parse::<LitStr>()?.value())
}
