// The screens of this area, as the router loads them.
export { DealCard } from "./DealCard";
export { DealsPage } from "./DealsPage";
export { PipelinesPage } from "./PipelinesPage";
