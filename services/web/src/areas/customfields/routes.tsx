// The screens of this area, as the router loads them.
export { CustomFieldsPage } from "./CustomFieldsPage";
