/** Imports a package from beside this file, where the benchmarks' peers are installed. */
export const load = (name) => import(name);
