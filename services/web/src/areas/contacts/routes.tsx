// The screens of this area, as the router loads them.
export { CompaniesPage, CompanyCard } from "./companies";
export { ContactCard, ContactsPage } from "./contacts";
export { DuplicatesPage } from "./DuplicatesPage";
export { LeadCard } from "./LeadCard";
export { LeadSettingsPage } from "./LeadSettingsPage";
export { LeadsPage } from "./leads";
export { ScreeningPage } from "./ScreeningPage";
