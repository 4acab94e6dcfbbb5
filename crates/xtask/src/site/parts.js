const parts = (() => {
  const imports = () => ({ __wasm_split: wasm });
  const loading = new Map();
  // What failed is tried again when it is needed again.
  const once = (file, load) => {
    if (!loading.has(file)) {
      const result = load(fetch(new URL(file, import.meta.url)));
      result.catch(() => loading.delete(file));
      loading.set(file, result);
    }
    return loading.get(file);
  };
  const loadShared = async (response) => {
    const modules = WebAssembly.Module.customSections(await WebAssembly.compileStreaming(response), "module");
    await Promise.all(modules.map((module) => WebAssembly.instantiate(module, imports())));
  };
  const load = (file) =>
    once(file, async (response) => {
      const [part] = await Promise.all([response, once(SHARED, loadShared)]);
      await WebAssembly.instantiateStreaming(part, imports());
    });
  const loader = (file) => async (callback, data) => {
    let isLoaded = true;
    try {
      await load(file);
    } catch (error) {
      console.warn(error);
      isLoaded = false;
    }
    wasm.__indirect_function_table.get(callback)(data, isLoaded);
  };
  return Object.fromEntries(Object.entries(PARTS).map(([name, file]) => [`__wasm_split_load_${name}`, loader(file)]));
})();
