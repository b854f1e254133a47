import { ApiError, toApiError } from "./errors";

/** What a sign-in or a refresh answers. The refresh token itself stays in an HttpOnly cookie. */
interface Tokens {
  accessToken: string;
  expireTime: string;
  organizations?: Organization[];
  secondFactorSetup?: SecondFactorSetup;
  recoveryCodes?: string[];
}

/** What an authenticator app needs; qrPng is base64. */
export interface SecondFactorSetup {
  secret: string;
  uri: string;
  qrPng: string;
}

/** What is left to do after a sign-in that was not refused; nothing if all is empty. */
export interface SignInAnswer {
  /** To choose from. */
  organizations: Organization[];
  /** The second factor to set up first; sign in again with a code of it. */
  setup?: SecondFactorSetup | undefined;
  /** Shown once; proceed goes on into the application. */
  recoveryCodes?: string[] | undefined;
  proceed?: () => void;
}

/** An organisation that a person may sign in to. */
export interface Organization {
  id: string;
  name: string;
}

/** What a provider sends the browser back with, and a code of the second factor once it is asked for. */
export interface ExternalReturn {
  providerId: string;
  state?: string;
  code?: string;
  error?: string;
  iss?: string;
  secondFactorCode?: string;
}

/** What became of a sign-in at a provider: unless it is done, a code of the second factor is asked for. */
export interface ExternalAnswer {
  done: boolean;
  setup: SecondFactorSetup | undefined;
  /** Shown once. */
  recoveryCodes: string[];
}

interface SignInExtra {
  organizationId?: string;
  newPassword?: string;
  code?: string;
}

// Says that this browser was signed in; nothing secret.
const REMEMBERED = "kontor.session";

type Listener = (signedIn: boolean) => void;

// A token is renewed this long before it expires, so that no request has to wait for it.
const RENEW_EARLY_MS = 60_000;

/**
 * The browser's session: keeps the access token in memory and renews it. Renewal runs under a lock shared by all
 * tabs, because a refresh token that is used twice ends the whole session.
 */
export class Session {
  #token = "";
  #expires = 0;
  #renewing: Promise<boolean> | undefined;
  #listeners = new Set<Listener>();
  readonly #fetch: typeof fetch;
  readonly #now: () => number;

  constructor(fetcher: typeof fetch = (...args) => fetch(...args), now: () => number = Date.now) {
    this.#fetch = fetcher;
    this.#now = now;
  }

  /** Whether there is a token, expired or not. */
  get signedIn(): boolean {
    return this.#token !== "";
  }

  /** Calls fn on sign-in and sign-out until the returned function is called. */
  subscribe(fn: Listener): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /** A token good for a request, renewed if it is about to expire; empty when signed out. */
  async token(): Promise<string> {
    if (this.#token && this.#now() > this.#expires - RENEW_EARLY_MS) {
      await this.renew();
    }
    return this.#token;
  }

  /** Signs in, or says what is left to do. Throws ApiError when refused. */
  async signIn(email: string, password: string, extra: SignInExtra = {}): Promise<SignInAnswer> {
    const body = { email, password, ...extra };
    const answer = (await this.#post("/v1/sessions", body)) as Tokens;
    if (!answer.accessToken) {
      return { organizations: answer.organizations ?? [], setup: answer.secondFactorSetup };
    }
    const proceed = (): void => this.#take(answer);
    if (answer.recoveryCodes?.length) {
      return { organizations: [], recoveryCodes: answer.recoveryCodes, proceed };
    }
    proceed();
    return { organizations: [] };
  }

  /** Begins a sign-in at a provider and resolves to the address to go to. What binds it to this browser is a cookie. */
  async beginExternal(providerId: string): Promise<string> {
    const answer = await this.#post("/v1/sessions:beginExternal", { providerId });
    return (answer as { authorizationUri: string }).authorizationUri;
  }

  /** Completes it with what the provider sent the browser back with, or says what is left to do. */
  async completeExternal(back: ExternalReturn): Promise<ExternalAnswer> {
    const answer = (await this.#post("/v1/sessions:completeExternal", back)) as Tokens & {
      secondFactorNeeded?: boolean;
    };
    if (answer.accessToken) {
      // The token is asked for anew by the cookie, once the page is another.
      this.#remember(true);
    }
    return {
      done: answer.accessToken !== "",
      setup: answer.secondFactorSetup,
      recoveryCodes: answer.recoveryCodes ?? [],
    };
  }

  /** Renews the token by the cookie. Resolves to false when there is no session any more. */
  renew(): Promise<boolean> {
    this.#renewing ??= withTabLock(() => this.#renewOnce()).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Ends the session here and on the server. */
  async signOut(): Promise<void> {
    try {
      await this.#post("/v1/sessions:signOut", {});
    } catch {
      // Signed out here all the same; the server's session runs out by itself.
    }
    this.#drop();
  }

  async #renewOnce(): Promise<boolean> {
    // Without a sign-in in this browser there is no cookie to renew by.
    if (!this.#token && !this.#remembered()) {
      return false;
    }
    try {
      this.#take((await this.#post("/v1/sessions:refresh", {})) as Tokens);
      return true;
    } catch (error) {
      if (error instanceof ApiError && !error.transient) {
        this.#drop();
        return false;
      }
      throw error;
    }
  }

  async #post(path: string, body: object): Promise<unknown> {
    // The header says that this is our client in a browser, which has the refresh token kept in a cookie.
    const headers: Record<string, string> = {
      "Content-Type": "application/json",
      "X-Kontor-Client": "browser",
    };
    if (this.#token) {
      headers["Authorization"] = `Bearer ${this.#token}`;
    }
    let response: Response;
    try {
      response = await this.#fetch(path, {
        method: "POST",
        credentials: "same-origin",
        headers,
        body: JSON.stringify(body),
      });
    } catch {
      throw new ApiError(0, { title: "offline" });
    }
    const answer: unknown = await response.json().catch(() => ({}));
    if (!response.ok) {
      throw toApiError(response, answer);
    }
    return answer;
  }

  #remembered(): boolean {
    return globalThis.localStorage?.getItem(REMEMBERED) === "yes";
  }

  #remember(signedIn: boolean): void {
    globalThis.localStorage?.setItem(REMEMBERED, signedIn ? "yes" : "no");
  }

  #take(tokens: Tokens): void {
    const was = this.signedIn;
    this.#token = tokens.accessToken;
    this.#remember(true);
    this.#expires = Date.parse(tokens.expireTime) || this.#now() + 5 * 60_000;
    if (!was) {
      this.#listeners.forEach((fn) => fn(true));
    }
  }

  #drop(): void {
    const was = this.signedIn;
    this.#token = "";
    this.#remember(false);
    if (was) {
      this.#listeners.forEach((fn) => fn(false));
    }
  }
}

async function withTabLock<T>(fn: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks;
  return locks ? await locks.request("kontor-session", fn) : fn();
}

/** The session of this tab. */
export const session = new Session();
