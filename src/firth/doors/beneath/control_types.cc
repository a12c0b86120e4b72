// The type system of the control plane, in GraphQL's own language. Names, types and nullability are
// those that clients rely on.
#include "firth/doors/beneath/graphql_types.h"

namespace firth::doors::beneath::graphql {
namespace {

constexpr std::string_view kTypes = R"graphql(
scalar UUID
scalar Time
enum TableSchemaKind { GraphQL Avro }

interface Organization {
  organizationID: ID! name: String! displayName: String! description: String photoURL: String
  createdOn: Time! projects: [Project!]! personalUserID: UUID
}
type PublicOrganization implements Organization {
  organizationID: ID! name: String! displayName: String! description: String photoURL: String
  createdOn: Time! projects: [Project!]! personalUserID: UUID
}
type PrivateOrganization implements Organization {
  organizationID: ID! name: String! displayName: String! description: String photoURL: String
  createdOn: Time! projects: [Project!]! personalUserID: UUID
  updatedOn: Time! readQuota: Int writeQuota: Int scanQuota: Int
  readUsage: Int! writeUsage: Int! scanUsage: Int! personalUser: PrivateUser
}
type PrivateUser {
  userID: ID! email: String! createdOn: Time! updatedOn: Time!
  readQuota: Int writeQuota: Int scanQuota: Int billingOrganizationID: UUID!
}
type OrganizationMember {
  userID: ID! billingOrganizationID: UUID! name: String! displayName: String!
  view: Boolean! create: Boolean! admin: Boolean! readQuota: Int writeQuota: Int scanQuota: Int
}
type Project {
  projectID: ID! name: String! displayName: String! site: String description: String photoURL: String
  public: Boolean! organization: PublicOrganization! createdOn: Time! updatedOn: Time!
  tables: [Table!]! services: [Service!]!
}
type ProjectMember {
  userID: ID! name: String! displayName: String! view: Boolean! create: Boolean! admin: Boolean!
}
type Service {
  serviceID: ID! name: String! description: String sourceURL: String
  readQuota: Int writeQuota: Int scanQuota: Int project: Project! createdOn: Time! updatedOn: Time!
}
type ServiceSecret {
  secretID: ID! serviceSecretID: ID! prefix: String! description: String!
  createdOn: Time! updatedOn: Time!
}
type NewServiceSecret { token: String! secret: ServiceSecret! }
type UserSecret {
  userSecretID: ID! prefix: String! description: String! createdOn: Time! updatedOn: Time!
}
type NewUserSecret { token: String! secret: UserSecret! }
type Table {
  tableID: ID! name: String! description: String createdOn: Time! updatedOn: Time! project: Project!
  schemaKind: TableSchemaKind! schema: String! avroSchema: String! canonicalAvroSchema: String!
  canonicalIndexes: String! tableIndexes: [TableIndex!]! meta: Boolean! allowManualWrites: Boolean!
  useLog: Boolean! useIndex: Boolean! useWarehouse: Boolean!
  logRetentionSeconds: Int! indexRetentionSeconds: Int! warehouseRetentionSeconds: Int!
  primaryTableInstanceID: UUID primaryTableInstance: TableInstance
  instancesCreatedCount: Int! instancesDeletedCount: Int! instancesMadeFinalCount: Int!
  instancesMadePrimaryCount: Int!
}
type TableInstance {
  tableInstanceID: ID! tableID: UUID! table: Table! version: Int! createdOn: Time!
  madePrimaryOn: Time madeFinalOn: Time
}
type TableIndex { indexID: ID! fields: [String!]! primary: Boolean! normalize: Boolean! }
type CompileSchemaOutput { canonicalAvroSchema: String! canonicalIndexes: String! }
type PermissionsUsersProjects {
  userID: UUID! projectID: UUID! view: Boolean! create: Boolean! admin: Boolean!
}
type PermissionsUsersOrganizations {
  userID: UUID! organizationID: UUID! view: Boolean! create: Boolean! admin: Boolean!
}
type PermissionsServicesTables {
  serviceID: UUID! tableID: UUID! read: Boolean! write: Boolean!
}
type AuthTicket {
  authTicketID: UUID! requesterName: String! createdOn: Time! updatedOn: Time!
  issuedSecret: NewUserSecret
}
type Usage {
  entityID: UUID! period: String! label: String! time: Time!
  readOps: Int! readBytes: Int! readRecords: Int! writeOps: Int! writeBytes: Int! writeRecords: Int!
  scanOps: Int! scanBytes: Int!
}

input CreateProjectInput {
  organizationID: UUID! projectName: String! displayName: String description: String site: String
  photoURL: String public: Boolean
}
input UpdateProjectInput {
  projectID: UUID! displayName: String description: String site: String photoURL: String
  public: Boolean
}
input DeleteProjectInput { projectID: UUID! }
input CreateServiceInput {
  organizationName: String! projectName: String! serviceName: String! description: String
  sourceURL: String readQuota: Int writeQuota: Int scanQuota: Int updateIfExists: Boolean
}
input UpdateServiceInput {
  organizationName: String! projectName: String! serviceName: String! description: String
  sourceURL: String readQuota: Int writeQuota: Int scanQuota: Int
}
input CompileSchemaInput { schemaKind: TableSchemaKind! schema: String! indexes: String }
input CreateTableInput {
  organizationName: String! projectName: String! tableName: String! schemaKind: TableSchemaKind!
  schema: String! indexes: String description: String meta: Boolean allowManualWrites: Boolean
  useLog: Boolean useIndex: Boolean useWarehouse: Boolean logRetentionSeconds: Int
  indexRetentionSeconds: Int warehouseRetentionSeconds: Int updateIfExists: Boolean
}
input CreateTableInstanceInput {
  tableID: UUID! version: Int makePrimary: Boolean updateIfExists: Boolean
}
input UpdateTableInstanceInput { tableInstanceID: UUID! makeFinal: Boolean makePrimary: Boolean }
input CreateAuthTicketInput { requesterName: String! }
input UpdateAuthTicketInput { authTicketID: UUID! approve: Boolean! }

type Query {
  ping: String!
  me: PrivateOrganization
  organizationByName(name: String!): Organization!
  organizationMembers(organizationID: UUID!): [OrganizationMember!]!
  projectByOrganizationAndName(organizationName: String!, projectName: String!): Project!
  projectsForUser(userID: UUID!): [Project!]
  projectMembers(projectID: UUID!): [ProjectMember!]!
  tableByID(tableID: UUID!): Table!
  tableByOrganizationProjectAndName(
    organizationName: String!, projectName: String!, tableName: String!): Table!
  tableInstanceByOrganizationProjectTableAndVersion(
    organizationName: String!, projectName: String!, tableName: String!, version: Int!): TableInstance!
  tableInstanceByTableAndVersion(tableID: UUID!, version: Int!): TableInstance!
  tableInstancesForTable(tableID: UUID!): [TableInstance!]!
  compileSchema(input: CompileSchemaInput!): CompileSchemaOutput!
  serviceByOrganizationProjectAndName(
    organizationName: String!, projectName: String!, serviceName: String!): Service!
  secretsForService(serviceID: UUID!): [ServiceSecret!]!
  getUserUsage(userID: UUID!, period: String!, from: Time!, until: Time): [Usage!]!
  authTicketByID(authTicketID: UUID!): AuthTicket!
}
type Mutation {
  createOrganization(name: String!): PrivateOrganization!
  updateOrganization(organizationID: UUID!, name: String, displayName: String, description: String,
    photoURL: String): PrivateOrganization!
  updateOrganizationQuotas(organizationID: UUID!, readQuota: Int, writeQuota: Int, scanQuota: Int):
    PrivateOrganization!
  inviteUserToOrganization(userID: UUID!, organizationID: UUID!, view: Boolean!, create: Boolean!,
    admin: Boolean!): Boolean!
  acceptOrganizationInvite(organizationID: UUID!): Boolean!
  updateUserQuotas(userID: UUID!, readQuota: Int, writeQuota: Int, scanQuota: Int): PrivateUser!
  leaveBillingOrganization(userID: UUID!): PrivateUser!
  transferProjectToOrganization(projectID: UUID!, organizationID: UUID!): Project!
  createProject(input: CreateProjectInput!): Project!
  updateProject(input: UpdateProjectInput!): Project!
  deleteProject(input: DeleteProjectInput!): Boolean!
  createTable(input: CreateTableInput!): Table!
  deleteTable(tableID: UUID!): Boolean!
  createTableInstance(input: CreateTableInstanceInput!): TableInstance!
  updateTableInstance(input: UpdateTableInstanceInput!): TableInstance!
  deleteTableInstance(instanceID: UUID!): Boolean!
  createService(input: CreateServiceInput!): Service!
  updateService(input: UpdateServiceInput!): Service!
  updateServiceTablePermissions(serviceID: UUID!, tableID: UUID!, read: Boolean, write: Boolean):
    PermissionsServicesTables!
  deleteService(serviceID: UUID!): Boolean!
  issueServiceSecret(serviceID: UUID!, description: String!): NewServiceSecret!
  revokeServiceSecret(secretID: UUID!): Boolean!
  updateUserProjectPermissions(userID: UUID!, projectID: UUID!, view: Boolean, create: Boolean,
    admin: Boolean): PermissionsUsersProjects!
  updateUserOrganizationPermissions(userID: UUID!, organizationID: UUID!, view: Boolean,
    create: Boolean, admin: Boolean): PermissionsUsersOrganizations!
  createAuthTicket(input: CreateAuthTicketInput!): AuthTicket!
  updateAuthTicket(input: UpdateAuthTicketInput!): AuthTicket
  issueUserSecret(description: String!, readOnly: Boolean!, publicOnly: Boolean!): NewUserSecret!
  revokeUserSecret(secretID: UUID!): Boolean!
}
)graphql";

}  // namespace

const TypeSystem& ControlTypes() {
  static const TypeSystem types = TypeSystem::Parse(kTypes);
  return types;
}

}  // namespace firth::doors::beneath::graphql
