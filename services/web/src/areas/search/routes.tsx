// The screens of this area, as the router loads them.
export { SearchPage } from "./SearchPage";
