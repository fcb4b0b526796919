// A worker that a user would write: the loop of the library and one handler.
import { serveJobs } from 'nestjs-roadrunner/worker';

await serveJobs({ echo: () => {} });
