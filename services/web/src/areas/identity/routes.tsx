// The screens of this area, as the router loads them.
export { ApiKeysPage } from "./apiKeys";
export { AuditPage } from "./audit";
export { DepartmentsPage } from "./departments";
export { OrganizationPage } from "./organization";
export { ProvidersPage } from "./providers";
export { RolesPage } from "./roles";
export { SessionsPage } from "./sessions";
export { SettingsPage } from "./SettingsPage";
export { UsersPage } from "./users";
