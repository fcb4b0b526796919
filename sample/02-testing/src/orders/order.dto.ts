import { IsEmail, IsString, Min } from 'class-validator';

export class OrderDto {
  @IsString()
  readonly id!: string;

  @IsEmail()
  readonly email!: string;

  /** Unit: cents. */
  @Min(0)
  readonly total!: number;
}
