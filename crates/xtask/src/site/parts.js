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
  // Packs may hold the same module.
  const loaded = new Map();
  const instantiate = async (response) => {
    const pack = await WebAssembly.compileStreaming(response);
    const [names] = WebAssembly.Module.customSections(pack, "names");
    const modules = WebAssembly.Module.customSections(pack, "module");
    const results = JSON.parse(new TextDecoder().decode(names)).map((name, place) => {
      if (!loaded.has(name)) {
        const result = WebAssembly.instantiate(modules[place], imports());
        result.catch(() => loaded.delete(name));
        loaded.set(name, result);
      }
      return loaded.get(name);
    });
    await Promise.all(results);
  };
  const load = (file) =>
    once(file, async (response) => {
      await Promise.all([instantiate(response), once(SHARED, instantiate)]);
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
