import { Controller, Get, HttpCode, NotFoundException, Param, Post, Query } from '@nestjs/common';
import { JobsService, type ReplayResult } from 'nestjs-roadrunner';
import { viewOf, type FailedJobView } from './failed-job.view.js';

interface FailedJobsPage {
  /** On all pages. */
  readonly total: number;
  readonly jobs: readonly FailedJobView[];
  /** The `after` of the next page. */
  readonly next?: string;
}

interface Replayed {
  readonly replayed: number;
  /** Those that could not be pushed; they stay. */
  readonly errors: readonly { readonly id: string; readonly error: string }[];
}

/** Jobs that will not run again unless they are replayed. */
@Controller('failed-jobs')
export class FailedJobsController {
  constructor(private readonly jobs: JobsService) {}

  /** One page, the newest first. */
  @Get()
  async list(@Query('after') after?: string): Promise<FailedJobsPage> {
    const { failed } = this.jobs.admin;
    const { jobs, next } = await failed.list({ after });
    return { total: await failed.count(), jobs: jobs.map(viewOf), next };
  }

  @Post('replay')
  @HttpCode(202)
  async replayAll(): Promise<Replayed> {
    return replayed(await this.jobs.admin.failed.replay({}));
  }

  @Post(':id/replay')
  @HttpCode(202)
  async replayOne(@Param('id') id: string): Promise<Replayed> {
    const { failed } = this.jobs.admin;
    if ((await failed.get(id)) === undefined) throw new NotFoundException(`No failed job has the id "${id}". GET /failed-jobs lists them.`);
    return replayed(await failed.replay(id));
  }
}

function replayed({ replayed: count, errors }: ReplayResult): Replayed {
  return { replayed: count, errors: errors.map(({ id, error }) => ({ id, error: error.message })) };
}
