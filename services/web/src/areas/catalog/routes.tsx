// The screens of this area, as the router loads them.
export { CurrenciesPage } from "./CurrenciesPage";
export { ProductCard, ProductsPage } from "./products";
