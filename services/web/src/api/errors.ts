/** One field at fault in a refused request. */
export interface FieldFault {
  field: string;
  description: string;
}

/** What the gateway answers with when it refuses: RFC 9457 problem details. */
interface Problem {
  title?: string;
  detail?: string;
  status?: number;
  reason?: string;
  traceId?: string;
  metadata?: Record<string, string>;
  fields?: FieldFault[];
  retryAfterSeconds?: number;
}

/** A refused or failed request, with the server's reason where it gave one. */
export class ApiError extends Error {
  readonly status: number;
  /** Stable reason such as "DEAL_CLOSED"; empty if the server was not reached. */
  readonly reason: string;
  readonly fields: FieldFault[];
  readonly metadata: Record<string, string>;
  readonly traceId: string;
  /** Seconds to wait before the next try; 0 if not told. */
  readonly retryAfter: number;

  constructor(status: number, problem: Problem, retryAfter = 0) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.reason = problem.reason ?? "";
    this.fields = problem.fields ?? [];
    this.metadata = problem.metadata ?? {};
    this.traceId = problem.traceId ?? "";
    this.retryAfter = retryAfter;
  }

  /** Whether somebody else changed the record first. */
  get stale(): boolean {
    return this.status === 412 || this.reason.endsWith("ETAG_MISMATCH");
  }

  /** Whether trying the same again later may work. */
  get transient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Makes an ApiError from an answer that is not 2xx and its decoded body. */
export function toApiError(response: Response, body: unknown): ApiError {
  const problem = typeof body === "object" && body !== null ? (body as Problem) : {};
  const wait = Number(response.headers.get("Retry-After") ?? problem.retryAfterSeconds ?? 0);
  return new ApiError(response.status, problem, Number.isFinite(wait) ? wait : 0);
}

/** The fault told of one field, if the error has one. Paths such as "deal.name" match "name". */
export function faultOf(error: unknown, field: string): string | undefined {
  if (!(error instanceof ApiError)) {
    return undefined;
  }
  return error.fields.find((f) => f.field === field || f.field.endsWith(`.${field}`))?.description;
}
