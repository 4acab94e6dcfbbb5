//! Code in the WebAssembly module that never runs, and that no linker can know to be unused.
//!
//! Leptos takes over a page in one of two ways: at once (`hydrate_body`, ours) or asynchronously (`hydrate_lazy`). Every
//! erased view holds a pointer to the code of both, so the second stays in the module: a tenth of it. The same holds for
//! the list of all routes, which only a server makes. Here such functions lose their bodies, and what only they needed
//! goes with them. (Templates are not treated so: much of their code equals that of `hydrate_body` and is merged with it.)

use std::collections::HashSet;

use anyhow::Result;
use walrus::ir::{Call, RefFunc, ReturnCall, Visitor, dfs_in_order};
use walrus::{
    FunctionBuilder, FunctionId, FunctionKind, LocalFunction, Module, ModuleConfig, passes,
};

/// In the names of all functions of the second way, and in the name of its entry, which is in the module when somebody
/// calls it.
const UNUSED: [(&str, &str); 2] = [
    ("hydrate_async", "hydrate_from_async"),
    ("generate_routes", "generate_route_list"),
];
/// Shorter functions may have been merged with equal ones that are in use, and are not worth the risk.
const SHORTEST: u64 = 64;

/// The linker's names of what never runs.
pub(super) struct Unused(HashSet<String>);

impl Unused {
    /// Looks at the whole module, before it is divided: a part can not know who calls its functions.
    pub(super) fn find(linked: &[u8]) -> Result<Self> {
        let module = Module::from_buffer(linked)?;
        let mut names = HashSet::new();
        let mut ambiguous = HashSet::new();
        for (part, entry) in UNUSED {
            if named(&module, entry).next().is_some() {
                continue;
            }
            for function in unused(&module, part) {
                if let Some(name) = &module.funcs.get(function).name
                    && !names.insert(name.clone())
                {
                    ambiguous.insert(name.clone());
                }
            }
        }
        names.retain(|name| !ambiguous.contains(name));
        Ok(Self(names))
    }

    /// Returns `module` without the bodies of what never runs, and without names.
    pub(super) fn remove(&self, module: &[u8]) -> Result<Vec<u8>> {
        let mut config = ModuleConfig::new();
        config
            .generate_name_section(false)
            .generate_producers_section(false);
        let mut module = config.parse(module)?;
        let unused = module.funcs.iter_local().map(|(id, _)| id);
        let unused = unused.filter(|id| {
            let name = module.funcs.get(*id).name.as_ref();
            name.is_some_and(|name| self.0.contains(name))
        });
        for function in unused.collect::<Vec<_>>() {
            empty(&mut module, function);
        }
        passes::gc::run(&mut module);
        Ok(module.emit_wasm())
    }
}

/// The functions to empty: long, named as unused, and called by none that is not.
fn unused(module: &Module, part: &str) -> Vec<FunctionId> {
    let family = named(module, part)
        .map(|(id, _)| id)
        .collect::<HashSet<_>>();
    let mut called = Called(HashSet::new());
    for (id, function) in module.funcs.iter_local() {
        if !family.contains(&id) {
            dfs_in_order(&mut called, function, function.entry_block());
        }
    }
    named(module, part)
        .filter(|(id, function)| function.size() >= SHORTEST && !called.0.contains(id))
        .map(|(id, _)| id)
        .collect()
}

fn named<'a>(
    module: &'a Module,
    part: &'a str,
) -> impl Iterator<Item = (FunctionId, &'a LocalFunction)> {
    module.funcs.iter_local().filter(move |(id, _)| {
        let name = module.funcs.get(*id).name.as_deref();
        name.is_some_and(|name| name.contains(part) && !name.contains("drop_in_place"))
    })
}

struct Called(HashSet<FunctionId>);

impl Visitor<'_> for Called {
    fn visit_call(&mut self, call: &Call) {
        self.0.insert(call.func);
    }

    fn visit_return_call(&mut self, call: &ReturnCall) {
        self.0.insert(call.func);
    }

    fn visit_ref_func(&mut self, reference: &RefFunc) {
        self.0.insert(reference.func);
    }
}

/// Leaves a function that traps.
fn empty(module: &mut Module, id: FunctionId) {
    let signature = module.types.get(module.funcs.get(id).ty());
    let (parameters, results) = (signature.params().to_vec(), signature.results().to_vec());
    let arguments = parameters
        .iter()
        .map(|parameter| module.locals.add(*parameter))
        .collect();
    let mut builder = FunctionBuilder::new(&mut module.types, &parameters, &results);
    builder.func_body().unreachable();
    module.funcs.get_mut(id).kind = FunctionKind::Local(builder.local_func(arguments));
}

#[cfg(test)]
mod tests {
    use walrus::ValType;

    use super::*;

    /// Adds a function of `length` instructions that calls `callee` at the end.
    fn add(
        module: &mut Module,
        name: &str,
        length: usize,
        callee: Option<FunctionId>,
    ) -> FunctionId {
        let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[]);
        builder.name(name.to_owned());
        let argument = module.locals.add(ValType::I32);
        let mut body = builder.func_body();
        for _ in 0..length / 2 {
            body.i32_const(7).drop();
        }
        if let Some(callee) = callee {
            body.local_get(argument).call(callee);
        }
        builder.finish(vec![argument], &mut module.funcs)
    }

    fn length(module: &Module, export: &str) -> Option<u64> {
        let id = module.exports.get_func(export).ok()?;
        module
            .funcs
            .iter_local()
            .find(|(found, _)| *found == id)
            .map(|(_, function)| function.size())
    }

    fn removed(extra: &str) -> Module {
        let mut module = Module::default();
        let only_here = add(&mut module, "only_here", 100, None);
        let long = add(
            &mut module,
            "any_view::hydrate_async::{{closure}}",
            100,
            Some(only_here),
        );
        let short = add(&mut module, "str::hydrate_async", 10, None);
        let shared = add(&mut module, "tuple::hydrate_async", 100, None);
        let caller = add(&mut module, extra, 100, Some(shared));
        for (name, id) in [
            ("long", long),
            ("short", short),
            ("shared", shared),
            ("caller", caller),
        ] {
            module.exports.add(name, id);
        }
        let module = module.emit_wasm();
        let smaller = Unused::find(&module).unwrap().remove(&module).unwrap();
        Module::from_buffer(&smaller).unwrap()
    }

    #[test]
    fn what_never_runs_is_emptied_with_what_only_it_needs() {
        let module = removed("hydrate");
        assert!(length(&module, "long").unwrap() < 5);
        assert!(length(&module, "short").unwrap() >= 10);
        assert!(length(&module, "shared").unwrap() >= 100);
        assert!(length(&module, "caller").unwrap() >= 100);
        assert_eq!(module.funcs.iter_local().count(), 4);
    }

    #[test]
    fn nothing_is_emptied_when_the_second_way_is_in_use() {
        let module = removed("mount::hydrate_from_async");
        assert!(length(&module, "long").unwrap() >= 100);
        assert_eq!(module.funcs.iter_local().count(), 5);
    }
}
